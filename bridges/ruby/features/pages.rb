# Groups that may be larger than a message: read page by page, or one page at a time (PS-8.12, PS-8.13). Apache-2.0
module Polystep
  def feature?(name) = @features.include?(name)

  # For the state and for streams, which have `call`.
  module Pages
    # All values of a group; with `cursor`, `limit` or `keys_only`, a part of it: a hash with `items` and `cursor`.
    def get_group(group, **page)
      if page.empty?
        Polystep.feature?("pages") ? whole(group) : call("get_group", group:)
      elsif Polystep.feature?("pages")
        part(group, page[:cursor], limit: page[:limit], only: page[:keys_only] ? "keys" : nil)
      else
        raise Polystep.failure("invalid_params", "this host reads groups as a whole: call get_group(group) alone")
      end
    end

    private

    def whole(group)
      items = []
      cursor = nil
      loop do
        page = part(group, cursor, only: "values")
        items.concat(page["items"])
        cursor = page["cursor"]
        return items unless cursor
      end
    end

    # The end has no cursor on the wire, and `nil` here.
    def part(group, cursor, **asked)
      { "cursor" => nil, **call("page", group:, cursor:, **asked) }
    end
  end
end
