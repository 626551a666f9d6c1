# Outgoing HTTP calls of user code become spans of the run that made them (PS-8.9, PS-8.28). Apache-2.0
module Polystep
  # Calls through Net::HTTP, in which most clients for Ruby end.
  module Outgoing
    # Paths at which language models are asked, as the other bridges know them.
    MODEL_PATHS = %r{/chat/completions\z|/v1/(?:completions|responses|messages|embeddings)\z|/api/(?:chat|generate)\z|:(?:streamG|g)enerateContent\z}
    TEXT_CHARS_MAX = 192 * 1024 # of a body that is told
    EVERY_S = 1.0
    OPEN = {} # the calls that have not ended
    BEGUN = Queue.new # wakes the thread that looks at them

    # Watch the client that a file has loaded: loading it here would delay every start.
    def self.watch
      Net::HTTP.prepend(Requests) if defined?(Net::HTTP) && !(Net::HTTP <= Requests)
    end

    # Report what lasts, once a second while there is news.
    def self.look
      loop do
        BEGUN.pop if OPEN.empty?
        BEGUN.clear
        Kernel.sleep(EVERY_S)
        OPEN.values.each(&:look)
      end
    end

    # For an attempt: send a notification, unless the run has ended.
    def tell(method, span)
      LOCK.synchronize { Polystep.post(Polystep.pack([2, method, span])) if equal?(ATTEMPTS[params[:run]]) }
    rescue Failure
      nil # too large: that is no matter of user code
    end

    # Stands before the method that sends a request.
    module Requests
      def request(request, body = nil, &block)
        # A connection that is not open is opened by this method, which then calls itself.
        attempt = Output.attempt unless Thread.current[:polystep_calls]
        return super unless attempt

        scheme, port = use_ssl? ? ["https", 443] : ["http", 80]
        path = request.path.to_s.split("?", 2).first.to_s.sub(%r{\Ahttps?://[^/]*}, "")
        where = "#{address}#{":#{self.port}" if self.port != port}#{path}"
        call = Call.new(attempt, request.method, scheme, where, body || request.body)
        call.follow { super(request, body, &block && ->(response) { block.call(call.tap(response)) }) }
      end
    end

    # One call, from its request to the end of its answer.
    class Call
      def initialize(attempt, method, scheme, where, body)
        @attempt, @attributes = attempt, { method:, url: "#{scheme}://#{where}" }
        @span = { run: attempt.params[:run], type: "http", name: "#{method} #{where}", start_ms: (Time.now.to_f * 1000).to_i }
        @request = body.to_s if MODEL_PATHS.match?(where) && !body.nil?
        @text, @read, @known = +"".b, 0, -1
        @began_s = Outgoing.now_s
      end

      # Send the span when the block has ended, however it does.
      def follow
        OPEN[object_id] = self
        BEGUN << true
        Thread.current[:polystep_calls] = true
        response = yield
        @attributes[:status] = response.code.to_i
        keep(response)
        response
      rescue Exception => error
        @span[:error] = Polystep.cut(1_000) { "#{error.class}: #{error.message}" }
        raise
      ensure
        Thread.current[:polystep_calls] = nil
        OPEN.delete(object_id)
        open = @known.negative? ? {} : { open: object_id }
        tell("span", duration_ms: ((Outgoing.now_s - @began_s) * 1000).round(3), **open, **exchange)
      end

      # See the parts of an answer that user code reads part by part.
      def tap(response)
        call = self
        response.define_singleton_method(:read_body) do |into = nil, &block|
          super(into, &block && ->(part) { call.take(part) && block.call(part) })
        end
        response
      end

      def take(part)
        @first_s ||= Outgoing.now_s
        @read += part.size
        @text << part.b[0, [TEXT_CHARS_MAX - @text.size, 0].max]
      end

      # Report the call when it has lasted, and later when more of its answer was read.
      def look
        return if Outgoing.now_s - @began_s < EVERY_S || @known == (@request ? @read : 0)

        @known = @request ? @read : 0
        tell("span.open", open: object_id, **(@request ? { received: @read } : {}))
      end

      private

      def keep(response)
        @type = response["content-type"].to_s
        body = response.body if @request && @text.empty?
        return unless body.is_a?(String)

        @read, @text = body.size, body.b[0, TEXT_CHARS_MAX]
      end

      def exchange
        return {} if @request.nil? || @type.nil?

        told = { request: text(@request), response: text(@text), content_type: @type }
        told[:cut] = @read > TEXT_CHARS_MAX || @request.size > TEXT_CHARS_MAX
        told[:first_ms] = ((@first_s - @began_s) * 1000).round(3) if @first_s
        { exchange: told }
      end

      def text(value) = Polystep.cut(TEXT_CHARS_MAX) { value }

      def tell(method, **more)
        span = Polystep.carry({ **@span, attributes: @attributes, **more }, "span", lax: true)
        @attempt.tell(method, span)
      end
    end

    def self.now_s = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    Thread.new { look }
  end
end
