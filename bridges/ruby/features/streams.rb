# Streams of a context; a runner without them has the level core (PS-8, PS-13.1). Apache-2.0
module Polystep
  # One live channel of items.
  Stream = Struct.new(:own, :name) do
    include Pages

    def get(group, id) = call("get", group:, id:)
    def set(group, id, data) = call("set", group:, id:, data:)
    def delete(group, id) = call("delete", group:, id:)
    def send(group, event, id = nil) = call("send", group:, event:, id:)
    private def call(method, **given) = own.call("streams.#{method}", stream: name, **given)
  end

  # The streams by name: `context.streams.parcels`, `context.streams["parcels"]`.
  Streams = Struct.new(:own) do
    def [](name) = Stream.new(own, name)
    def method_missing(name) = self[name]
  end
end
