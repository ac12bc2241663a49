# Watches a run of Puppet from within, and tells the agent. It changes nothing of what Puppet does: each hook calls Puppet's
# own method and rescues its own errors. What it refuses: to compile what is not pinned (environment.rb); for `bootwright run
# --noop`, to apply what says `noop => false`, for `bootwright validate`, to apply at all (restraint.rb); and to ask Facter where facts
# are given (facts.rb). Where Puppet has changed inside, only what that hook knew is lost, and `problems` says so.
#
# Loaded by Ruby's -r before Puppet is, or into a process that has loaded Puppet already. BOOTWRIGHT_RUN_FOLDER is the run's
# folder; BOOTWRIGHT_NOOP says that nothing may change, BOOTWRIGHT_ONLY_COMPILE that nothing is applied. These variables are removed
# at once, so that programs that Puppet starts do not see them.
#
# Writes into that folder, mode 0600: observation.json (docs/puppet.md), once Puppet is known and again when it ends; catalog.json.gz
# and facts.json.gz.
ENV.delete('RUBYOPT')
require_relative 'environment'
require_relative 'eyaml'
require_relative 'facts'

module BootwrightObserve
  FOLDER = ENV.delete('BOOTWRIGHT_RUN_FOLDER')
  CHANGES_NOTHING = ENV.delete('BOOTWRIGHT_NOOP')
  ONLY_COMPILES = ENV.delete('BOOTWRIGHT_ONLY_COMPILE')
  PID = Process.pid
  REDACTED = '[redacted]'.freeze
  MOST_RESOURCES = 500 # listed of each kind
  MOST_KEYS = 5000
  LONGEST_TEXT = 4000
  SLOW_FACT = 0.5 # seconds
  NAME_OF_CLASS = Module.instance_method(:name) # some classes of Puppet have another `name`
  PHASES = %w[starting facts compile apply].freeze

  class << self
    attr_accessor :report
    attr_reader :phase, :looked_up

    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end

    # Seconds since boot, as the agent counts them.
    def since_boot
      Process.clock_gettime(Process::CLOCK_BOOTTIME)
    end

    # Runs what a hook knows besides Puppet's own work, and never lets an error out.
    def safely(what)
      yield
    rescue StandardError, LoadError, SystemStackError, NoMemoryError => e
      problem("#{what}: #{e.class}: #{e.message}")
    end

    def problem(text)
      @problems << clean(text, 300) if @problems.size < 20
    end

    # How far the run has come; facts that are asked for again later do not set it back.
    def in_phase(name)
      @phase = name if PHASES.index(name) > PHASES.index(@phase)
      @began[name] ||= since_boot
      begun = now
      yield
    ensure
      @times[name] = @times.fetch(name, 0) + (now - begun)
    end

    # Counts the time of one custom fact, without that of the facts that it asks for.
    def timing_fact(name)
      begun = now
      @facts_within.push(0)
      yield
    ensure
      took = now - begun
      own = took - @facts_within.pop
      @facts_within[-1] += took unless @facts_within.empty?
      @facts[name] = @facts.fetch(name, 0) + own
    end

    # At once where the class is loaded, else when it begins to be defined.
    def install
      @phase = PHASES.first
      @times = {}
      @began = {}
      @facts = {}
      @facts_within = []
      @looked_up = {}
      @problems = []
      waiting = HOOKS.reject { |name, hook| put_before(loaded(name), hook) }
      trace = TracePoint.new(:class) do |event|
        name = NAME_OF_CLASS.bind(event.self).call
        put_before(event.self, waiting.delete(name)) if waiting.key?(name)
        trace.disable if waiting.empty?
      end
      trace.enable unless waiting.empty?
      at_exit { finish if Process.pid == PID }
      safely("the facts of clouds are not kept out") { require_relative 'facter' }
    end

    def loaded(name)
      name.split('::').inject(Object) do |place, part|
        return nil unless place.const_defined?(part, false) && !place.autoload?(part)

        place.const_get(part, false)
      end
    end

    def put_before(place, hook)
      return false unless place

      methods_of(place, hook).prepend(hook)
      true
    end

    def methods_of(place, hook)
      OF_CLASSES_THEMSELVES.include?(hook) ? place.singleton_class : place
    end

    def missing_hooks
      HOOKS.each do |name, hook|
        place = loaded(name)
        place &&= methods_of(place, hook)
        method = hook.instance_methods(false).first
        next if place && place.ancestors.include?(hook) && place.instance_method(method).super_method

        problem("Puppet has no #{name}, #{method} any more: the agent does not see it")
      end
    end

    # The first file says at least which Puppet it is, should this process be killed.
    def puppet_is_known
      safely('observation.json') { write_observation({}) }
    end

    def finish
      rest = {}
      safely('hooks') { missing_hooks unless @phase == 'starting' }
      safely('resources') { rest.merge!(resources) if @report }
      safely('data') { rest.merge!(unused_data) if @catalog_digest }
      safely('facts') { rest['slow_facts'] = slow_facts }
      write_observation(rest)
    rescue StandardError, LoadError, NoMemoryError
      nil # the agent notices that it is missing
    end

    def write_observation(rest)
      require 'json'
      version = defined?(Puppet.version) ? Puppet.version.to_s : nil
      whole = { 'puppet_version' => version, 'phase' => @phase, 'times' => rounded(@times), 'began' => rounded(@began),
                'catalog_digest' => @catalog_digest, 'environment' => @environment, 'compile_failure' => @failure,
                'problems' => @problems }
      write('observation.json', JSON.generate(whole.merge(rest)))
    end

    def write(name, bytes)
      path = File.join(FOLDER, name)
      File.open("#{path}.new", File::WRONLY | File::CREAT | File::TRUNC | File::NOFOLLOW, 0o600) do |file|
        file.write(bytes)
        file.fsync # else a power cut leaves the name, and nothing below it
      end
      File.rename("#{path}.new", path)
    end

    def rounded(seconds)
      seconds.transform_values { |value| value.round(3) }
    end

    # Any bytes as text for JSON.
    def clean(text, longest = nil)
      text = text.to_s
      text = text.encoding == Encoding::UTF_8 ? text : text.dup.force_encoding(Encoding::UTF_8)
      text = text.scrub('?') unless text.valid_encoding?
      # The cause is at the beginning or at the end. The agent takes secrets out afterwards: it has to see where one may have been
      # cut off.
      longest && text.size > longest ? "#{text[0, longest / 2]}…#{text[-longest / 2, longest]}" : text
    end

    # Of Puppet's report. Its resource "Whit" is a knot of the graph, and no resource.
    def resources
      all = @report.resource_statuses.values.compact.reject { |status| status.resource_type == 'Whit' }
      failed = all.select { |status| status.failed || status.failed_to_restart }
      slowest = all.select { |status| status.evaluation_time.to_f > 0.01 }.max_by(10) { |status| status.evaluation_time.to_f }
      {
        'failed' => failed.first(MOST_RESOURCES).map { |status| described(status, 'failure') },
        'changed' => all.select(&:changed).first(MOST_RESOURCES).map { |status| described(status, 'success') },
        'noop' => all.select { |status| status.out_of_sync && !status.changed && !status.failed }
                     .first(MOST_RESOURCES).map { |status| described(status, 'noop') },
        'skipped' => all.select(&:skipped).first(MOST_RESOURCES).map { |status| clean(status.resource, LONGEST_TEXT) },
        'slowest' => slowest.map do |status|
          { 'resource' => clean(status.resource, LONGEST_TEXT), 'seconds' => status.evaluation_time.to_f.round(3),
            'began' => (since_boot - (Time.now - status.time)).round(3) }
        end,
        'corrective' => all.count(&:corrective_change),
        'failed_to_generate' => @report.respond_to?(:resources_failed_to_generate) && @report.resources_failed_to_generate ? true : false
      }
    end

    def described(status, kind)
      messages = status.events.select { |event| event.status == kind }.map { |event| clean(event.message, LONGEST_TEXT) }
      { 'resource' => clean(status.resource, LONGEST_TEXT), 'file' => status.file && clean(status.file),
        'line' => status.line, 'messages' => messages.uniq.first(5), 'seconds' => status.evaluation_time.to_f.round(3),
        'corrective' => status.corrective_change ? true : false }
    end

    def slow_facts
      slow = @facts.select { |_, seconds| seconds >= SLOW_FACT }.sort_by { |_, seconds| -seconds }.first(10)
      slow.map { |name, seconds| { 'fact' => clean(name), 'seconds' => seconds.round(3) } }
    end

    # Keys of the role config's data that nothing asked for, and, only then, what was asked for.
    def unused_data
      data = JSON.parse(File.read(File.join(FOLDER, 'data.json')))
      return {} if data.empty?

      asked = @looked_up.keys.to_h { |key| [Puppet::Pops::Lookup::LookupKey.new(key).root_key.to_s, true] }
      unused = data.keys.reject { |key| key == 'lookup_options' || asked[key] }
      return {} if unused.empty?

      { 'unused_data' => unused, 'looked_up' => asked.keys.first(MOST_KEYS).map { |key| clean(key, LONGEST_TEXT) } }
    end

    def compiled(environment, catalog)
      safely('environment') { @environment = environment.described(catalog) }
      @looked_up.transform_values! { nil } # scopes are large
      safely('compiled') { STDOUT.syswrite("bootwright-compiled\n") } # what Puppet has warned of can be told already
    end

    # Not within safely(): if it does not work, nothing must be applied.
    def restrain
      require_relative 'restraint'
      BootwrightRestraint.change_nothing if CHANGES_NOTHING
      BootwrightRestraint.only_compile if ONLY_COMPILES
    end

    def not_compiled(environment, error)
      safely('the failure') do
        require_relative 'compile_failure'
        @failure = plain(BootwrightCompileFailure.new(error, environment, @looked_up, File.join(FOLDER, 'data.json')).described)
      end
    end

    # The compiled catalog, before deferred values are resolved. The digest leaves out what differs between two catalogs
    # that do the same: version, times, ids, files and lines, tags.
    def keep_catalog(catalog)
      require 'digest'
      require 'json'
      kept = catalog.resources.reject(&:virtual?)
      edges = catalog.edges.reject { |edge| edge.source.virtual? || edge.target.virtual? }
      edges = edges.map { |edge| [clean(edge.source.to_s), clean(edge.target.to_s)] }.sort
      entries = kept.map { |resource| [clean(resource.type), clean(resource.title), parameters(resource)] }
      @catalog_digest = Digest::SHA256.hexdigest(JSON.generate([entries, edges]))
      shown = kept.zip(entries).map do |resource, (type, title, values)|
        { 'type' => type, 'title' => title, 'file' => resource.file && clean(resource.file), 'line' => resource.line,
          'parameters' => values }
      end
      write_packed('catalog.json.gz', JSON.generate('digest' => @catalog_digest, 'classes' => catalog.classes.map { |name| clean(name) },
                                                    'resources' => shown, 'edges' => edges))
    end

    def write_packed(name, text)
      require 'zlib'
      packed = Zlib.gzip(text, level: 1)
      (4..7).each { |byte| packed.setbyte(byte, 0) } # the time (RFC 1952): the same catalog is the same file, and kept once
      write(name, packed)
    end

    def parameters(resource)
      secret = resource.sensitive_parameters.map(&:to_sym)
      resource.to_hash.sort_by { |name, _| name.to_s }.to_h do |name, value|
        [name.to_s, secret.include?(name.to_sym) ? REDACTED : plain(value)]
      end
    end

    def plain(value)
      case value
      when String then clean(value)
      when Integer, true, false, nil then value
      when Float then value.finite? ? value : value.to_s
      when Symbol then value == :undef ? nil : value.to_s
      when Array then value.map { |item| plain(item) }
      when Hash then value.sort_by { |key, _| key.to_s }.to_h { |key, item| [clean(key), plain(item)] }
      when Puppet::Pops::Types::PSensitiveType::Sensitive then REDACTED
      else rich(value)
      end
    end

    # A Deferred with what it is called with; types, timestamps and the like as they are written.
    def rich(value)
      if value.respond_to?(:name) && value.respond_to?(:arguments)
        return { 'Deferred' => plain(value.name), 'arguments' => plain(value.arguments) }
      end

      text = value.to_s
      text.start_with?('#<') ? value.class.name : clean(text)
    end
  end

  # "bootwright-progress 12 82" on standard output, four times a second at most. `--evaltrace` would say the same, but costs
  # a tenth of the run (docs/decisions/0004-progress-hook.md).
  module Progress
    def eval_resource(*)
      super
    ensure
      @bootwright_done = (@bootwright_done || 0) + 1
      bootwright_progress
    end

    private

    def bootwright_progress
      return unless catalog.host_config? # Puppet applies its own settings as a catalog too

      BootwrightObserve.report ||= report
      now = BootwrightObserve.now
      total = relationship_graph.size
      return if @bootwright_last && now - @bootwright_last < 0.25 && @bootwright_done < total

      @bootwright_last = now
      STDOUT.syswrite("bootwright-progress #{@bootwright_done} #{total}\n")
    rescue StandardError => e
      BootwrightObserve.problem("progress: #{e.class}: #{e.message}") unless @bootwright_failed
      @bootwright_failed = true
    end
  end

  module Facts
    def find(request, *)
      BootwrightObserve.puppet_is_known if BootwrightObserve.phase == 'starting'
      given = BootwrightFacts.given(File.join(FOLDER, 'given_facts.json'))
      return Puppet::Node::Facts.new(request.key, given) if given

      facts = BootwrightObserve.in_phase('facts') { super }
      BootwrightObserve.safely('the facts') { BootwrightObserve.write_packed('facts.json.gz', BootwrightFacts.kept(facts.values)) }
      facts
    end
  end

  module Compile
    def compile(node, *)
      catalog = BootwrightObserve.in_phase('compile') do
        environment = BootwrightEnvironment.new(node.environment, File.join(FOLDER, 'allowed.json'))
        environment.check
        BootwrightObserve.safely('the keys of hiera-eyaml are not handed over') { BootwrightEyaml.hand_over(File.join(FOLDER, 'eyaml.json')) }
        super.tap { |compiled| BootwrightObserve.compiled(environment, compiled) }
      rescue StandardError, ScriptError => e
        BootwrightObserve.not_compiled(environment, e)
        raise
      end
      BootwrightObserve.restrain if CHANGES_NOTHING || ONLY_COMPILES
      BootwrightObserve.safely('catalog') { BootwrightObserve.keep_catalog(catalog) }
      catalog
    end
  end

  module Apply
    def apply_catalog(*)
      BootwrightObserve.in_phase('apply') { super }
    end
  end

  module Lookups
    def lookup(key, *others)
      BootwrightObserve.looked_up[key] = others.first.respond_to?(:scope) ? others.first.scope : nil
      super
    end
  end

  module CustomFact
    def value
      BootwrightObserve.timing_fact(name.to_s) { super }
    end
  end

  # Many a custom fact does its work while its file is loaded.
  module FactFile
    def kernel_load(file)
      BootwrightObserve.timing_fact(file.to_s) { super }
    end
  end

  module ExternalFact
    def results
      BootwrightObserve.timing_fact(filename.to_s) { super }
    end
  end

  # Classes of Puppet and Facter, and what is put before their methods.
  HOOKS = {
    'Puppet::Transaction' => Progress,
    'Puppet::Node::Facts::Facter' => Facts,
    'Puppet::Parser::Compiler' => Compile,
    'Puppet::Configurer' => Apply,
    'Puppet::Pops::Lookup::LookupAdapter' => Lookups,
    'Facter::Util::Fact' => CustomFact,
    'LegacyFacter::Util::Loader' => FactFile,
    'LegacyFacter::Util::Parser::Base' => ExternalFact
  }.freeze
  OF_CLASSES_THEMSELVES = [Compile].freeze
end

BootwrightObserve.install if BootwrightObserve::FOLDER
