// What qread shows: a message of the queue as lines for people or as JSON.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "instance/resolver.h"
#include "queue/file.h"
#include "queue/spool.h"

namespace porpoise::queue {

/// A line for the message and lines for its recipients, each with LF (reference 9.1):
///
///   21 Nov 2026 04:16:12 GMT  #ID  SIZE  <SENDER> [ bouncing]
///     done TAB local TAB ADDRESS
///   TAB remote TAB ADDRESS
///   TAB TAB attempt N at DATE: REASON; next try DATE
///
/// SIZE is that of the content. Octets that cannot be printed become "_". Without `router` every
/// recipient is shown as local.
std::string list_text(const File& file, const Router* router);

/// The same and more as one JSON object and LF. What is not UTF-8 becomes U+FFFD.
std::string list_json(const File& file, Place place, const Router* router);

/// `text` as a JSON string with its quotes.
std::string json_string(std::string_view text);

/// Every message of the queue by id, which is by time. Memory: the ids.
Result<std::vector<Id>> all_ids(const Spool& spool);

}  // namespace porpoise::queue
