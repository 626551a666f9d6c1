# frozen_string_literal: true

# The handler executes the operations that its input lists. SPDX-License-Identifier: Apache-2.0
require "bigdecimal"
require "open3"
require "set"

OddKey = Struct.new(:a)
NoForm = Class.new
NAMES = { "state" => %w[group key value ops], "streams" => %w[group id data] }.freeze

def config = { type: "event", name: "Script", subscribes: ["script"], emits: [] }

def nested(levels) = (levels - 1).times.reduce([]) { |inner, _| [inner] }

def native(name)
  case name
  when "nan" then Float::NAN
  when "infinity" then Float::INFINITY
  when "too_large" then 2**53
  when "large_float" then [2.0**53, 1e20, -1e20]
  when "integral_float" then 1.0
  when "cycle" then [].tap { |array| array << array }
  when "deep" then nested(101)
  when "hundred" then nested(100)
  when "time" then Time.utc(2024, 1, 2, 3, 4, 5)
  when "lone_surrogate" then "\xED\xA0\x80"
  when "invalid_utf8" then "\xFF"
  when "bytes" then "\x00\xFF".b
  when "number_keys" then { 1 => "one" }
  when "odd_keys" then { OddKey.new(1) => 1 }
  when "nested_nan" then { items: [{ total: Float::NAN }] }
  when "set" then Set[1]
  when "error" then RuntimeError.new("an error")
  when "decimal" then BigDecimal("1.5")
  when "object" then NoForm.new
  when "function" then -> {}
  when "proto_key" then { "__proto__" => 1 }
  when "minus_zero" then -0.0
  else raise ArgumentError, "no native value #{name}"
  end
end

# Calls the context's method behind the wire method with the parameters in the order of the context's own.
def call(context, operation)
  args = operation["args"].dup
  if operation["native"]
    args[%w[value data].find { |member| args.key?(member) } || "data"] = native(operation["native"])
  end
  args["data"] *= operation["times"] if operation["times"]
  area, name = operation["method"].split(".")
  return context.emit.cancel(args["topic"], args["id"]) if name == "cancel"
  return context.emit(args) if area == "emit"

  target = area == "state" ? context.state : context.streams[args["stream"]]
  return target.send(args["group"], args["event"], args["id"]) if name == "send"

  if name == "page"
    return target.get_group(args["group"], cursor: args["cursor"], limit: args["limit"], keys_only: args["only"] == "keys")
  end

  target.public_send(name, *args.values_at(*NAMES[area] & args.keys))
end

# An ordinary error that says whether, and when, to try again.
class Wishing < StandardError
  attr_reader :retryable, :retry_after

  def initialize(message, retryable, retry_after)
    super(message)
    @retryable, @retry_after = retryable, retry_after
  end
end

def once(context, operation, values)
  calls = 0
  options = operation.fetch("options", {}).transform_keys(&:to_sym)
  values << context.once(operation["key"], **options) do
    calls += 1
    values << "called #{operation['key']}"
    context.sleep("inner", operation["sleeps"]) if operation["sleeps"]
    context.once("inner", **operation["inner"].transform_keys(&:to_sym)) { nil } if operation["inner"]
    raise operation["raises"] if operation["raises"] && calls <= operation.fetch("times", calls)

    operation["value"]
  end
rescue StandardError => error
  raise unless operation["catch"]

  values << { name: error.name, message: error.message, code: error.code, data: error.data }
end

def child(command) = Open3.capture2(*command).first

def handler(input, context)
  operations = input["ops"] || input.dig("body", "ops")
  caught = nil
  operations.each_with_object([]) do |operation, values|
    case operation["do"]
    when "return" then return operation["value"]
    when "nothing" then return
    when "input" then return input
    when "native" then return native(operation["name"])
    when "context" then values << context.public_send(operation["member"])
    when "call"
      begin
        value = call(context, operation)
        values << value unless operation["unawaited"]
      rescue StandardError => caught
        raise unless operation["catch"]

        values << { name: caught.name, message: caught.message, code: caught.code, data: caught.data }
      end
    when "once" then once(context, operation, values)
    when "sleep"
      begin
        context.sleep(operation["key"], operation["duration"])
        values << "awake"
      rescue StandardError
        raise unless operation["catch"]

        values << "swallowed"
      end
    when "ask" then values << context.ask(operation["key"], **operation["options"].transform_keys(&:to_sym)).to_h
    when "wait_for"
      wanted, options = operation["wanted"], operation.fetch("options", {}).transform_keys(&:to_sym)
      values << if wanted.is_a?(Array) then context.wait_for(operation["key"], wanted, **options)
                else context.wait_for(operation["key"], **wanted.transform_keys(&:to_sym))
                end
    when "call_step"
      options = operation["options"].transform_keys(&:to_sym)
      begin
        values << context.call(operation["key"], operation["step"], operation["input"], **options)
      rescue StandardError => error
        raise unless operation["catch"]

        values << { name: error.name, message: error.message, code: error.code, data: error.data }
      end
    when "callback"
      hook = context.callback(operation["key"], **operation["options"].transform_keys(&:to_sym))
      values << { id: hook.id, url: hook.url, answer: hook.result.to_h }
    when "answer"
      begin
        context.answer(operation["id"], operation["value"])
        values << "answered"
      rescue StandardError => error
        raise unless operation["catch"]

        values << { name: error.name, message: error.message, code: error.code, data: error.data }
      end
    when "raise" then raise Wishing.new(operation["message"], operation["retryable"], operation["retry_after"])
    when "raise_odd" then raise Exception, "odd" # rubocop:disable Lint/RaiseException
    when "reraise" then raise caught
    when "log"
      fields = operation["fields"]
      fields = (fields || {}).merge("value" => native(operation["native"])) if operation["native"]
      arguments = [operation["message"], fields].compact
      context.logger.public_send(operation["level"], *arguments)
    when "print" then puts operation["text"]
    when "print_part" then print operation["text"]
    when "print_error" then warn operation["text"]
    when "write" then STDOUT.syswrite("#{operation['text']}\n")
    when "read" then values << ($stdin.read(1024) || "")
    when "spawn" then system("printf", '%s\n', operation["text"])
    when "child_environment"
      text = child(["sh", "-c", 'printf %s "$POLYSTEP_CHANNEL"'])
      values << (text.empty? ? nil : text)
    when "child_descriptors" then values << child(["ls", "-l", "/proc/self/fd"])
    when "exit" then exit(operation["status"] || 0)
    when "loop" then loop { nil }
    when "wait" then sleep
    when "fail_later" then nil # a call of the context always waits
    when "kill" then Process.kill("KILL", Process.pid)
    else raise ArgumentError, "no operation #{operation['do']}"
    end
  end
end
