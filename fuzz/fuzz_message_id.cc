// Message-ids: any octets. Held to:
//   - a fault lies in the text and says so in one printable line;
//   - what is read holds no blank, no line end outside quotes, and is not empty;
//   - what is read strictly is read leniently as the same, and is a fixed point of it;
//   - a list of ids is what it was made of, and no id is found that the text does not hold.

#include <string>

#include "fuzz/property.h"
#include "libmail/message_id.h"

namespace {

using namespace porpoise::mail;
using namespace porpoise::fuzz;

tl::expected<std::string, FieldFault> read(std::string_view body, MessageIdMode mode) {
  const Cost cost(body.size());
  auto id = parse_message_id(body, mode);
  if (!id) {
    require(id.error().at <= body.size() && is_line(id.error().text));
  } else {
    require(!id->empty() && id->size() <= body.size());
    require(id->find_first_of("\r\n") == std::string::npos);
  }
  return id;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view body = view_of(data, size);
  const auto strict = read(body, MessageIdMode::strict);
  const auto lenient = read(body, MessageIdMode::lenient);
  if (strict) {
    require(lenient == strict);
    require(read("<" + *strict + ">", MessageIdMode::strict) == *strict);
  }
  if (lenient) {
    // Not always the same: without a blank a comment in it may have become one.
    require(read("<" + *lenient + ">", MessageIdMode::lenient).has_value());
  }

  std::string list;
  std::vector<std::string> ids;
  {
    const Cost cost(body.size());
    ids = find_message_ids(body);
  }
  for (const std::string& id : ids) {
    require(!id.empty() && id.find_first_of(" \t\r\n<>") == std::string::npos);
    list += "<" + id + ">\n ";
  }
  require(list.size() <= 5 * body.size());
  require(find_message_ids(list) == ids);
  return 0;
}
