# Events: `emit`, with an id that counts once and a time at which they are due, and `emit.cancel` (PS-8.25). Apache-2.0
module Polystep
  # What `context.emit` without arguments gives.
  Emit = Struct.new(:own) do
    # Remove the event with this id unless it has started; gives whether one was removed.
    def cancel(topic, id) = own.call("emit.cancel", topic:, id:)
  end

  # For a context, which has `own`, its attempt.
  module Emits
    def emit(event = nil, **more)
      return Emit.new(own) if event.nil? && more.empty?

      given = (event || {}).transform_keys(&:to_sym).merge(more)
      own.call("emit", data: nil, **given)
    end
  end
end
