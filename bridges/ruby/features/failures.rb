# Errors of user code, described for people: their name, text, and the lines of the step (PS-7.3). Apache-2.0
module Polystep
  # What user code raised; an error of the protocol keeps whether trying again may help (PS-7.3).
  def failure_of(name, error)
    retryable = error.is_a?(Failure) ? error.retryable : name == "step_failed" && Durable.retryable?(error)
    failure(name, cut(16_384) { error.message }, describe(error).merge(Durable.wishes(error)), retryable:)
  end

  def describe(error)
    name = cut(1_000) { error.is_a?(Failure) ? error.name : error.class }
    { "name" => name, "message" => cut(16_384) { error.message }, "stack" => cut(32_768) { stack(error) } }
  end

  # The lines of the user's code, and below them those of the cause.
  def stack(error)
    lines = error.backtrace.to_a.reject { |line| line.start_with?(File.dirname(__dir__)) }
    cause = error.cause
    lines << "Caused by: #{cause.class}: #{cause.message}\n#{stack(cause)}".strip if cause
    lines.join("\n")
  end
end
