# What keeps user code off the channel (PS-2). Apache-2.0
module Polystep
  # For the process, once, before user code is loaded.
  module Isolation
    # Keep user code, and the processes that it starts, off the channel (PS-2.2).
    def self.guard
      CHANNEL.each do |io|
        io.binmode.sync = true
        io.close_on_exec = true
      end
      if STDIO
        STDIN.reopen(File::NULL)
        STDOUT.reopen(STDERR)
      end
      STDOUT.sync = true
      Encoding.default_external = "UTF-8"
      Process.singleton_class.prepend(Module.new { def _fork = super.tap { |pid| CHANNEL.each(&:close) if pid == 0 } })
      trap("INT") {} # PS-2.7; not "IGNORE", which children would inherit
    end
  end
end
