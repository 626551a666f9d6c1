# Results that are kept under a key, and waits that outlive the process (PS-8.15 to PS-8.21). Apache-2.0
require "timeout"

module Polystep
  # For a context, which has `own`, its attempt. A wait blocks its thread, which is killed when the run is suspended.
  module Durable
    # Given to the block of a `once`.
    Unit = Struct.new(:idempotency_key, :attempt)
    # Ends a block that took too long.
    class Late < Exception; end

    # Of a cron step: the time for which its tick was due, however late it runs.
    def scheduled_at = own.params[:scheduled_ms]&.then { |time_ms| Time.at(time_ms / 1000r).utc }

    # What the block gives, or what the run has kept of it.
    def once(key, schema: nil, timeout: nil, retries: nil, shared: nil, sensitive: nil, scope: nil, ttl: nil, &block)
      raise Polystep.failure("invalid_params", "once takes a key and a block") unless block

      within = scope && Thread.current[:polystep_once]
      options = { schema:, timeout:, retries:, shared:, sensitive:, scope:, ttl:, within: }.compact
      begun = own.call("once.begin", key: Durable.text(key), site: Durable.site, **options)
      raise Failure.new({ "code" => 21, "retryable" => true, "data" => {} }.merge(begun["error"])) if begun["error"]
      return begun["value"] unless begun["go"]

      run_once(key, begun, block)
    end

    # Return when the time is over; the run may be in another process by then.
    def sleep(key, duration)
      waited(key, "sleep", duration:)
    end

    # How a person's decision ended: "answered" with its value, "timed_out" or "cancelled".
    Answer = Struct.new(:status, :value)
    # Door for another system, with a `url`; `result` waits for its answer.
    Callback = Struct.new(:id, :url, :wait) do
      def result = wait.call
    end

    # Wait for an event, and give its data; of a list of topics, give the topic too. nil when none came.
    def wait_for(key, first_of = nil, topic: nil, by: nil, **options)
      taken = waited(key, "event", topics: first_of || [{ topic:, by: }.compact], **options)
      first_of || taken.nil? ? taken : taken["data"]
    end

    # Call another step, and give its value.
    def call(key, step, input = nil, **options)
      ended = waited(key, "call", step:, input:, **options)
      raise Failure.new({ "code" => 21, "retryable" => true, "data" => {} }.merge(ended["error"])) if ended["error"]

      ended["value"]
    end

    # Wait for a decision of a person; gives its `status` and `value`.
    def ask(key, **options) = answered(key, "ask", options)

    # Answer an ask or a callback of any run.
    def answer(id, value = nil) = own.call("ask.answer", id:, value:)

    # Open a door for another system.
    def callback(key, **options)
      door = waited(key, "callback", open: true, **options)
      Callback.new(door["id"], door["url"], -> { answered(key, "callback", options) })
    end

    def self.text(key)
      return key if key.is_a?(String)

      raise Polystep.failure("invalid_params", "a key is a text, not #{key.class}")
    end

    # The line of user code that makes the call.
    def self.site
      line = caller_locations.find { |each| !each.absolute_path.to_s.start_with?(File.dirname(__dir__)) }
      "#{line.path.delete_prefix("#{Dir.pwd}/")}:#{line.lineno}" if line
    end

    # Whether trying again may help: an error may say that it cannot, by `retryable`.
    def self.retryable?(error) = !(error.respond_to?(:retryable) && error.retryable == false)

    # When to try again, for an error that says so, by `retry_after`.
    def self.wishes(error)
      wanted = error.respond_to?(:retry_after) ? error.retry_after : nil
      wanted.is_a?(String) ? { "retry_after" => wanted } : {}
    rescue Exception
      {}
    end

    private

    def answered(key, kind, options)
      answer = waited(key, kind, **options)
      Answer.new(answer["status"], answer["value"])
    end

    def waited(key, kind, **options)
      within = { within: Thread.current[:polystep_once] }.compact
      own.call("wait", key: Durable.text(key), kind:, site: Durable.site, **within, **options)
    end

    def run_once(key, begun, block)
      attempt = begun["attempt"]
      loop do
        begin
          unit = Unit.new(begun["go"], attempt)
          value = Polystep.carry(timed(key, begun["timeout_ms"] / 1000.0) { block.call(unit) }, "value")
        rescue StandardError => error
          again = own.call("once.end", key:, error: kept(error))
          raise unless again

          attempt = again["attempt"]
          Kernel.sleep(again["again_ms"] / 1000.0)
          next
        end
        own.call("once.end", key:, value:)
        return value
      end
    end

    def timed(key, seconds)
      Thread.current[:polystep_once] = key
      Timeout.timeout(seconds, Late) { yield }
    rescue Late
      raise Polystep.failure("timed_out", "once(#{key.inspect}) did not finish within #{seconds} s", retryable: true)
    ensure
      Thread.current[:polystep_once] = nil
    end

    def kept(error)
      known = Polystep.describe(error).slice("name", "message")
      known.merge!("code" => error.code, "data" => error.data) if error.is_a?(Failure)
      { **known, "retryable" => Durable.retryable?(error) }
    end
  end
end
