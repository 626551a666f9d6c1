# SPDX-License-Identifier: Apache-2.0

def config = { type: "cron", name: "Cron", cron: "0 9 * * *" }

def handler(context)
  seen = { trace_id: context.trace_id, attempt: context.attempt, flows: context.flows }
  context.state.set("cron", "seen", seen)
end
