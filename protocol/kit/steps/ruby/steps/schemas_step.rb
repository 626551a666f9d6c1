# SPDX-License-Identifier: Apache-2.0

TITLED = { type: "object", properties: { title: { type: "string" } }, required: ["title"] }.freeze

def config
  { type: "api", name: "Schemas", path: "/schemas", method: "POST",
    bodySchema: TITLED, responseSchema: { 200 => TITLED } }
end

def handler(request, _context) = { status: 200, body: request["body"] }
