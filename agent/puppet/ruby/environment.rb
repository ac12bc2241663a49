# frozen_string_literal: true

# The environment that Puppet compiles: Puppet itself has read its environment.conf, and knows best what came of it.
class BootwrightEnvironment
  MOST_NAMES = 50
  REGEXP = '__node_regexp__' # how Puppet begins the name of `node /…/`

  # environment: Puppet's. allowed: a file with the folders that manifest and modules may lie in, as a JSON array.
  def initialize(environment, allowed)
    require 'json'
    @environment = environment
    @allowed = JSON.parse(File.read(allowed)).filter_map { |folder| true_path(folder) }
  end

  # @raise Puppet::Error for a manifest or a folder of modules that is on the machine, but not of what is pinned
  def check
    outside = { 'manifest' => [manifest], 'modulepath' => @environment.full_modulepath }.filter_map do |setting, paths|
      strange = paths.filter_map { |path| path && true_path(path) }.reject { |path| inside?(path) }
      "its #{setting} leads to #{strange.join(', ')}" unless strange.empty?
    end
    return if outside.empty?

    message = "environment.conf leads out of the control repository: #{outside.join('; ')}. What is not pinned does not count; " \
              'folders of modules that the image brings are named by puppet.modulepath of agent.json'
    Puppet.err(message) # an error of the compiler's is taken for logged
    raise Puppet::Error, message
  end

  # What is to know of it once a catalog was compiled.
  def described(catalog)
    nodes = @environment.known_resource_types.instance_variable_get(:@nodes).keys
    taken = catalog.resources.find { |resource| resource.type == 'Node' }
    { 'manifest' => manifest, 'has_manifest' => !manifest.nil? && File.exist?(manifest),
      'classes' => (catalog.classes - ['settings', taken&.title]).first(MOST_NAMES),
      'nodes' => nodes.first(MOST_NAMES).map { |name| shown(name) }, 'node' => taken && shown(taken.title) }
  end

  # Whether the file is of what is pinned.
  def pinned?(path)
    true_path(path)&.then { |found| inside?(found) }
  end

  private

  def manifest
    @environment.manifest.is_a?(String) ? @environment.manifest : nil
  end

  def inside?(path)
    @allowed.any? { |folder| path == folder || path.start_with?("#{folder}/") }
  end

  # nil for what is not there, which does not count for Puppet either.
  def true_path(path)
    File.realpath(path)
  rescue SystemCallError
    nil
  end

  def shown(name)
    name.start_with?(REGEXP) ? "/#{name.delete_prefix(REGEXP)}/" : name
  end
end
