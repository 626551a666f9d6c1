# Changes of one value of the state, all or none, with no other write in between (PS-8.24). Apache-2.0
module Polystep
  # For the state, which has `call`.
  module Updates
    # Make the changes; gives the new value, nil where there is none any more.
    def update(group, key, ops)
      return call("update", group:, key:, ops:) if Polystep.feature?("update")

      raise Polystep.failure("invalid_params", "this host has no state.update: update the host")
    end
  end
end
