# frozen_string_literal: true

# What Puppet does not say itself of a catalog that does not compile.
class BootwrightCompileFailure
  MOST_LOOKUPS = 3
  MOST_PLACES = 30

  # environment: a BootwrightEnvironment. looked_up: the scope of each key that was looked up. role_data: the file with the role
  # config's data.
  def initialize(error, environment, looked_up, role_data)
    @error = error
    @environment = environment
    @looked_up = looked_up
    @role_data = role_data
  end

  def described
    { 'at' => place, 'lookups' => lookups }
  end

  private

  # For an error that names no place: the function call in a manifest, or, where a library is missing, say, the line of Ruby.
  def place
    calls = @error.respond_to?(:puppetstack) ? @error.puppetstack.to_a.map { |file, line| "#{file}:#{line}" } : []
    lines = @error.backtrace.to_a.filter_map { |entry| entry[/\A(.+?:\d+)/, 1] }
    (calls + lines).find { |place| @environment.pinned?(place[/\A(.+):/, 1]) }
  end

  def lookups
    keys = @looked_up.keys.select { |key| named?(key) }.first(MOST_LOOKUPS)
    keys.filter_map { |key| explained(key, @looked_up[key]) }
  end

  # Whether the error is about this key. A class's parameter is a key, too.
  def named?(key)
    name, _, parameter = key.rpartition('::')
    @error.message.include?("'#{key}'") ||
      (!name.empty? && @error.message.downcase.include?("class[#{name}]") && @error.message.include?("parameter '#{parameter}'"))
  end

  # Looks it up once more, as `puppet lookup --explain` does. Nil if there is a value.
  def explained(key, scope)
    return unless scope

    explainer = Puppet::Pops::Lookup::Explainer.new
    missing = Object.new
    value = Puppet.override(scope.compiler.context_overrides, 'a failed lookup') do
      invocation = Puppet::Pops::Lookup::Invocation.new(scope, {}, {}, explainer)
      Puppet::Pops::Lookup.lookup(key, nil, missing, true, nil, invocation)
    end
    { 'key' => key, 'through' => places_below(explainer.to_hash).uniq.first(MOST_PLACES) } if value.equal?(missing)
  end

  # Of each level of the hierarchies its files, there or not. No value of theirs is shown.
  def places_below(node)
    below = node.fetch(:branches, []).flat_map { |branch| places_below(branch) }
    return below unless below.empty?

    case node[:type]
    when :path then [shown(node[:path], node[:event])]
    when :uri then [node[:uri]]
    when :data_provider then node[:name].start_with?('Hierarchy entry') ? ["#{node[:name]} (no file)"] : []
    else []
    end
  end

  def shown(path, event)
    return "the role config's data" if path == @role_data

    event == :location_not_found ? "#{path} (not there)" : path
  end
end
