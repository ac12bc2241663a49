# Watches a run of Puppet from within, and tells the agent. It changes nothing of what Puppet does: each hook calls Puppet's
# own method and rescues its own errors. Where Puppet has changed inside, only what that hook knew is lost.
#
# Loaded by Ruby's -r before Puppet is, or into a process that has loaded Puppet already. BOOTWRIGHT_RUN_FOLDER is the run's
# folder. Both variables are removed at once, so that programs that Puppet starts do not see them.
ENV.delete('RUBYOPT')

module BootwrightObserve
  FOLDER = ENV.delete('BOOTWRIGHT_RUN_FOLDER')

  # "bootwright-progress 12 82" on standard output, four times a second at most. `--evaltrace` would say the same, but costs
  # a tenth of the run (docs/decisions/0004-progress-hook.md).
  module Progress
    def eval_resource(*)
      super
    ensure
      @bootwright_done = (@bootwright_done || 0) + 1
      bootwright_report
    end

    def bootwright_report
      return unless catalog.host_config? # Puppet applies its own settings as a catalog too

      now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      total = relationship_graph.size
      return if @bootwright_last && now - @bootwright_last < 0.25 && @bootwright_done < total

      @bootwright_last = now
      STDOUT.syswrite("bootwright-progress #{@bootwright_done} #{total}\n")
    rescue StandardError
      nil
    end
  end

  # Classes of Puppet, and what is put before their methods.
  HOOKS = { 'Puppet::Transaction' => Progress }

  # At once where the class is loaded, else when it begins to be defined.
  def self.install
    waiting = HOOKS.reject do |name, hook|
      Object.const_get(name).prepend(hook) if Object.const_defined?(name)
    rescue NameError
      false
    end
    return if waiting.empty?

    trace = TracePoint.new(:class) do |event|
      hook = waiting.delete(event.self.name)
      event.self.prepend(hook) if hook
      trace.disable if waiting.empty?
    end
    trace.enable
  end
end

BootwrightObserve.install if BootwrightObserve::FOLDER
