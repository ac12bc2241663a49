# frozen_string_literal: true

# The facts that Puppet compiles with: what a run keeps of them, for `bootwright capture --facts`, and those of another machine, for
# `bootwright validate --facts`. Both are a JSON object, {"facts": {NAME: VALUE}, "order": [[PATH, KEYS]]}. A manifest may walk through
# a fact in the order of its keys, which a reader of JSON may lose: "order" has it, where it is not the alphabet's.
module BootwrightFacts
  class << self
    # @raise StandardError for a value that JSON has not
    def kept(facts)
      require 'json'
      JSON.generate('facts' => facts, 'order' => orders(facts))
    end

    # Nil where nobody has given any: Facter knows them. @raise StandardError for a damaged file
    def given(file)
      return unless File.exist?(file)

      require 'json'
      document = JSON.parse(File.read(file))
      in_order(document.fetch('facts'), document.fetch('order').to_h)
    end

    private

    def orders(value, path = [])
      return [] unless value.is_a?(Hash)

      below = value.flat_map { |key, inner| orders(inner, [*path, key]) }
      value.keys == value.keys.sort ? below : [[path, value.keys], *below]
    end

    def in_order(value, orders, path = [])
      return value unless value.is_a?(Hash)

      known = orders.fetch(path, []) & value.keys
      (known | value.keys).to_h { |key| [key, in_order(value[key], orders, [*path, key])] }
    end
  end
end
