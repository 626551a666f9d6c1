# Log lines of a handler (PS-8.7). Apache-2.0
module Polystep
  # The logger of a context.
  Logger = Struct.new(:own) do
    %w[debug info warn error].each do |level|
      define_method(level) { |message, fields = {}| own.log(level, message, fields) }
    end
  end

  # For an attempt, which has `params`.
  module Logs
    # Send a log line; what is too large is left out.
    def log(level, message, fields, source = "logger")
      fields = Polystep.carry(fields.is_a?(Hash) ? fields : { value: fields }, "fields", lax: true)
      line = { run: params[:run], level:, message: Polystep.cut(16_384) { message }, fields:, source: }
      Polystep.post(Polystep.pack([2, "log", { **line, time_ms: (Time.now.to_f * 1000).to_i }]))
    rescue Failure
      nil
    end
  end
end
