# frozen_string_literal: true

# Puppet, loaded ahead (docs/decisions/0012-warm-start.md). bootwright starts this when a run begins, and what takes Puppet a
# second and more before it looks at a manifest is done while metadata and repository are on their way.
#
# Standard input: one JSON object, {"program", "arguments", "environment"}, then its end: what a cold start would be given. An end
# without an object: nothing is to be done. Until then nothing takes effect, and nothing is asked of the network.
# Standard output: "bootwright-warm applies" before anything takes effect, from where it is `puppet apply` itself; or
# "bootwright-warm refuses: REASON", and the end. Ended without either, it has done nothing.
#
# `warm.rb FILE [GEM]`: FILE has the programs that were made of Puppet's Ruby, if any were; GEM is the gem that has Puppet, if one has.
# `warm.rb --compile FILE [GEM]` makes them, and says "bootwright-warm compiled: WHAT", or refuses.

require 'io/wait'
require 'json'
require_relative 'compiled'

module BootwrightWarm
  LARGEST_MESSAGE = 1 << 20
  PATIENCE = 60 # seconds between the message and "applies"

  # What this relies on, in the Puppets of Perforce and of OpenVox since version 7: methods that it calls, or puts its own before,
  # and how many arguments they take. A Puppet is judged by these and not by its version, of which there is always a next one.
  INSIDE = %w[
    Puppet.[]/1 Puppet.lookup/1 Puppet.version/0
    Puppet::Util::CommandLine#initialize/2 Puppet::Util::CommandLine#execute/0
    Puppet::Util::CommandLine::ApplicationSubcommand#run/0
    Puppet::Util::Autoload.mark_loaded/2 Puppet::Util::Autoload#loadall/1
    Puppet::Type.type/1 Puppet::Type.providerloader/0
    Puppet::Node::Environment#each_plugin_directory/0 Puppet::Node::Facts::Facter#find/1
    Facter.on_message/0 Facter::ConfigReader.block_list/0 Facter::Options.init/0
    Facter::Resolvers::BaseResolver.resolve/1 Facter::Resolvers::BaseResolver.invalidate_cache/0
  ].freeze

  # Facts that are looked up ahead, by Facter's class and one name that makes it look up all it knows: what the machine is made
  # of, which no boot changes. Not what may change while it boots: addresses, host name, disks, mounts, keys, memory, SELinux.
  STEADY_FACTS = [
    %w[Augeas augeas_version], %w[LsbRelease distributor_id], %w[OsRelease id], %w[Uname kernelrelease],
    %w[Linux::Lscpu threads_per_core], %w[Linux::Processors processors], %w[VirtWhat vm], %w[Lspci vm], %w[Xen vm]
  ].freeze

  # What `puppet apply` loads on its way for whatever manifest. A file that this Puppet has not is passed over.
  CODE = %w[
    puppet/application/apply puppet/configurer facter
    puppet/indirector/facts/facter puppet/indirector/node/plain puppet/indirector/catalog/compiler puppet/indirector/report/yaml
    puppet/indirector/file_content/selector puppet/file_serving/content puppet/file_serving/fileset puppet/file_serving/terminus_helper
    puppet/parser/e4_parser_adapter puppet/util/diff puppet/util/backups puppet/file_bucket/dipper tempfile digest/sha2
  ].freeze

  # Puppet's own types, with their providers: first those that are in every run. Not package: with it, or its provider for apt,
  # DEBIAN_FRONTEND is set for all that runs after it.
  TYPES = %i[file user group stage whit component schedule filebucket service exec notify tidy resources].freeze

  NOTHING = RubyVM::InstructionSequence.compile('') # a program

  class << self
    def main
      return compile(*ARGV.drop(1)) if ARGV.first == '--compile'

      prepare(*ARGV)
      message = read_message
      exit!(0) unless message
      become(message)
      Puppet::Util::CommandLine.new('puppet', message['arguments']).execute
    rescue LoadError => e # as bin/puppet does
      warn e.message
      exit(1)
    end

    def prepare(compiled, gem = nil)
      environment = ENV.to_h
      @compiled = CompiledRuby.open(compiled)
      ask_for_programs
      load_puppet(gem)
      enter_files_as_ruby_does
      @files = versions_on_disk
      hold_back_until_checked
      CODE.each { |feature| load_ahead(feature) }
      keep_facts(look_up_facts)
      @types = TYPES.take_while { |name| !called? && load_type(name) }
      refuse('what was loaded has changed its environment') unless ENV.to_h == environment
    rescue Exception => e # rubocop:disable Lint/RescueException: a cold start says what is wrong better than this could
      File.delete(compiled) if @compiled # is it to blame?
      refuse("Puppet cannot be loaded ahead: #{e.class}: #{e.message}")
    end

    # All that may be loaded here, and the rest of Puppet and Facter, of which a run loads more.
    def compile(file, gem = nil)
      load_puppet(gem)
      CODE.each { |feature| load_ahead(feature) }
      [*TYPES, :package].each { |name| load_type(name) }
      whole = %w[puppet facter].flat_map { |name| Dir.glob(File.join(folder_of(name), name, '**/*.rb')) }
      number = CompiledRuby.write(file, $LOADED_FEATURES.grep(%r{\A/.*\.rb\z}) | whole)
      tell("compiled: #{number} files of Puppet #{Puppet.version}, #{File.size(file) >> 20} MiB")
    rescue StandardError, ScriptError => e
      refuse("#{e.class}: #{e.message}")
    end

    def load_puppet(gem)
      Gem.activate_bin_path(gem, 'puppet', '>= 0.a') if gem # as the program that RubyGems wrote does
      require 'puppet/util/command_line'
      require 'puppet/indirector/facts/facter'
      require 'facter'
      missing = INSIDE.reject { |name| known?(name) }
      refuse("this Puppet is another inside than is known: it has no #{missing.join(', ')}") unless missing.empty?
      require_relative 'facter' # before any fact is asked for: Facter keeps the options of its first use
    end

    # "Class.method/2" or "Class#method/2": true if there is this method, and it takes so many arguments.
    def known?(name)
      place, kind, method, number = name.match(%r{\A([\w:]+)([.#])(.+)/(\d)\z}).captures
      place = Object.const_get(place)
      found = kind == '.' ? place.method(method) : place.instance_method(method)
      kinds = found.parameters.map(&:first)
      least = kinds.count(:req)
      most = kinds.include?(:rest) ? Float::INFINITY : least + kinds.count(:opt)
      (least..most).cover?(number.to_i) && !kinds.include?(:keyreq)
    rescue NameError
      false
    end

    def folder_of(feature)
      File.dirname($LOAD_PATH.resolve_feature_path(feature).last)
    end

    # Whoever waits does not wait for what he may not need.
    def called?
      !$stdin.wait_readable(0).nil?
    end

    # Ruby calls load_iseq whenever it loads a file.
    def ask_for_programs
      RubyVM::InstructionSequence.define_singleton_method(:load_iseq) { |path| BootwrightWarm.program_of(path) }
    end

    def program_of(path)
      path == @entering ? NOTHING : @compiled&.program_of(path)
    end

    # Puppet's autoloader writes the name of each file that it loads into $LOADED_FEATURES. Ruby takes a list that others have
    # written into for unknown, and before its next `require` looks up the true path of each file in it: a thousand, fifty times.
    # A file that Ruby itself has entered changes nothing. So it requires the file first, and finds an empty program in it.
    def enter_files_as_ruby_does
      Puppet::Util::Autoload.singleton_class.prepend(
        Module.new do
          def mark_loaded(_name, file, *)
            BootwrightWarm.enter(File.expand_path(file))
            super # enters what could not be entered
          end
        end
      )
    end

    def enter(file)
      @entering = file
      gem_original_require(file) unless $LOADED_FEATURES.include?(file)
    ensure
      @entering = nil
    end

    def load_ahead(feature)
      require feature
    rescue LoadError => e
      raise unless e.path == feature
    end

    # With Puppet's own autoloader, which before the settings are read knows of no module.
    def load_type(name)
      type = Puppet::Type.type(name)
      type&.providerloader&.loadall(Puppet.lookup(:current_environment))
      true
    end

    # `puppet apply` reads its settings first, which touches nothing; then this decides.
    def hold_back_until_checked
      Puppet::Util::CommandLine::ApplicationSubcommand.prepend(
        Module.new do
          def run(*)
            BootwrightWarm.check_and_begin
            super
          end
        end
      )
    end

    # What the resolvers then know, by their names. Nothing where Facter had anything to tell: that belongs in Puppet's log.
    def look_up_facts
      told = false
      Facter.on_message { |level, _| told ||= %i[warn error fatal].include?(level) }
      known = STEADY_FACTS.to_h do |name, fact|
        resolver(name)&.resolve(fact.to_sym)
        [name, resolver(name)&.instance_variable_get(:@fact_list)]
      end
      told ? {} : known.compact
    ensure
      Facter.on_message # Puppet sets its own
    end

    # Puppet resets Facter before it collects the facts. What was looked up a moment ago outlives that, and no later reset.
    def keep_facts(known)
      kept = known.filter_map do |name, list|
        resolver(name)&.tap { |found| found.instance_variable_set(:@fact_list, list) }
      end
      kept.each { |resolver| resolver.define_singleton_method(:invalidate_cache) {} }
      Puppet::Node::Facts::Facter.prepend(
        Module.new do
          define_method(:find) do |*arguments|
            super(*arguments)
          ensure
            kept.each { |resolver| resolver.singleton_class.remove_method(:invalidate_cache) }
            kept.clear
          end
        end
      )
    end

    # Nothing where this Facter has no such class: it is looked up later, as ever.
    def resolver(name)
      "Facter::Resolvers::#{name}".split('::').inject(Object) { |scope, part| scope.const_get(part, false) }
    rescue NameError
      nil
    end

    # An upgrade meanwhile would mix two versions.
    def versions_on_disk
      versions = $LOAD_PATH.flat_map { |folder| %w[puppet/version.rb facter/version.rb].map { |name| File.join(folder, name) } }
      [*versions, *Gem::Specification.dirs]
        .select { |path| File.exist?(path) }
        .to_h { |path| [path, File.stat(path).then { |stat| [stat.ino, stat.ctime, stat.size] }] }
    end

    def read_message
      text = $stdin.read(LARGEST_MESSAGE)
      message = text && JSON.parse(text)
      message if message.is_a?(Hash) && message['arguments'].is_a?(Array) && message['environment'].is_a?(Hash)
    rescue JSON::ParserError
      nil # cut off: the agent is gone
    end

    # What a process that starts now would be.
    def become(message)
      @watch = Thread.new do
        sleep PATIENCE
        refuse("it was not ready after #{PATIENCE} s")
      end
      refuse('Puppet was replaced on disk meanwhile') unless @files == versions_on_disk
      ENV.replace(message['environment'])
      ENV['TZ'] = ENV['TZ'] # the C library looks at /etc/localtime again
      $PROGRAM_NAME = message['program']
      ARGV.replace(message['arguments'])
      load_hooks(ENV['RUBYOPT'].to_s)
    end

    # What a cold start would load by -rFILE; it may find Puppet loaded.
    def load_hooks(options)
      options.split.each { |option| require option.delete_prefix('-r') if option.start_with?('-r/') }
      ENV.delete('RUBYOPT')
    end

    def check_and_begin
      reason = overriding
      refuse(reason) if reason
      @watch.kill
      tell('applies')
    end

    # A cold start takes a module's file of the same name instead of what is loaded here, or besides.
    def overriding
      environment = Puppet.lookup(:environments).get(Puppet[:environment])
      folders = environment ? environment.enum_for(:each_plugin_directory).to_a : []
      loaded = loaded_names
      # Where a type has providers, Puppet looks for no others in the modules.
      provider = %r{\Apuppet/provider/(?:#{@types.join('|')})(?:/|\.rb)}
      [*folders, Puppet[:libdir]].each do |folder|
        Dir.glob('**/*.rb', base: folder).each do |name|
          path = File.join(folder, name)
          return "#{path} replaces a file of Puppet's" if loaded.include?(name)
          return "#{path} is a provider for a type of Puppet's" if provider.match?(name)
        end
      end
      nil
    end

    # Ruby enters a file by its true path, Puppet's autoloader by the path that was searched.
    def loaded_names
      folders = $LOAD_PATH.flat_map { |path| [File.expand_path(path), *(File.realpath(path) if File.exist?(path))] }
      paths = folders.uniq.map { |folder| "#{folder}/" }.sort_by { |path| -path.size }
      $LOADED_FEATURES.filter_map do |feature|
        path = paths.find { |candidate| feature.start_with?(candidate) }
        [feature.delete_prefix(path), true] if path
      end.to_h
    end

    def refuse(reason)
      tell("refuses: #{reason.lines.first.to_s.strip}")
      exit!(0)
    end

    def tell(text)
      $stdout.flush
      $stdout.syswrite("\nbootwright-warm #{text}\n") # also after a line without an end
    end
  end
end

BootwrightWarm.main
