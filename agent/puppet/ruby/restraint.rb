# frozen_string_literal: true

# What Puppet must not do: change something for `bootwright run --noop`; apply its catalog for `bootwright validate`. Each raises
# Puppet::Error where this Puppet is another inside.
module BootwrightRestraint
  class << self
    def change_nothing
      known = Puppet::Type.method_defined?(:noop?)
      raise Puppet::Error, 'bootwright run --noop: this Puppet may apply what says noop => false' unless known

      Puppet::Type.prepend(Unchanged)
    end

    # Puppet compiles, and makes of the catalog what it would apply, which finds parameters that a type does not take. Then it ends:
    # nothing is applied, and no Deferred function is called.
    def only_compile
      require 'puppet/pops/evaluator/deferred_resolver'
      resolver = Puppet::Pops::Evaluator::DeferredResolver
      known = Puppet::Resource::Catalog.method_defined?(:apply) && Puppet::Resource::Catalog.method_defined?(:host_config?) &&
              defined?(Puppet::Pops::Evaluator::DeferredValue) && resolver.method(:resolve_and_replace).arity == -3
      raise Puppet::Error, 'bootwright validate: this Puppet may apply its catalog, or call Deferred functions' unless known

      Puppet::Resource::Catalog.prepend(NotApplied)
      resolver.singleton_class.prepend(Later)
    end

    def later?(value)
      case value
      when Puppet::Pops::Evaluator::DeferredValue then true
      when Array then value.any? { |item| later?(item) }
      when Hash then value.any? { |_, item| later?(item) }
      else false
      end
    end
  end

  # For each resource. Puppet's own settings are a catalog, too: its folders have to be there.
  module Unchanged
    def noop?
      catalog.nil? || catalog.host_config? || super
    end
  end

  # Likewise.
  module NotApplied
    def apply(*)
      super unless host_config?
    end
  end

  # Puppet takes a DeferredValue for what it will know once it applies, unless it is within another value.
  module Later
    def resolve_and_replace(facts, catalog, environment = catalog.environment_instance, *)
      super(facts, catalog, environment, false)
      catalog.resources.each do |resource|
        resource.parameters.transform_values! do |value|
          BootwrightRestraint.later?(value) ? Puppet::Pops::Evaluator::DeferredValue.new(proc {}) : value
        end
      end
    end
  end
end
