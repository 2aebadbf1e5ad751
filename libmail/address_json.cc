#include "libmail/address_json.h"

#include <fmt/format.h>
#include <iterator>

#include "libmail/address_fault.h"
#include "libmail/base64.h"
#include "libmail/encoded_word.h"
#include "libmail/utf8.h"

namespace porpoise::mail {
namespace {

// `text` as a JSON string; octets that are not UTF-8 become U+FFFD.
void append_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const auto octet = static_cast<unsigned char>(text[i]);
    const std::size_t length = octet < 128 ? 1 : utf8_length(text, i);
    if (length == 0) {
      out += kReplacement;
    } else if (octet == '"' || octet == '\\') {
      out += {'\\', text[i]};
    } else if (octet < 32 || octet == 127) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", octet);
    } else {
      out += text.substr(i, length);
    }
    i += length == 0 ? 1 : length;
  }
  out += '"';
}

/// Prints one list.
class Printer {
 public:
  Printer(std::string_view body, JsonForm form) : body_(body), form_(form) {}

  bool add(const AddressList& list, const Mailbox& mailbox) {
    if (out_.size() > 1) out_ += ", ";
    out_ += "{\"display\":";
    name(mailbox.display);
    out_ += ",\"local\":";
    if (!text(mailbox.local, mailbox.at)) return false;
    out_ += ",\"domain\":";
    if (mailbox.domain.empty()) {
      out_ += "null";
    } else if (!text(mailbox.domain, mailbox.at)) {
      return false;
    }
    out_ += ",\"group\":";
    if (mailbox.group == Mailbox::kNoGroup) {
      out_ += "null";
    } else if (!group(list.groups[mailbox.group])) {
      return false;
    }
    out_ += '}';
    return true;
  }

  std::string finish() && { return std::move(out_) + "]"; }
  AddressFault fault() && { return std::move(fault_); }

 private:
  void name(std::string_view display) {
    if (form_ == JsonForm::base64) return base64(display);
    append_string(out_, display.find("=?") == std::string_view::npos ? std::string(display)
                                                                     : decode_words(display));
  }

  bool group(const AddressGroup& group) {
    if (form_ == JsonForm::text && !is_utf8(group.name)) return not_utf8(group.at);
    name(group.name);
    return true;
  }

  bool text(std::string_view octets, std::size_t at) {
    if (form_ == JsonForm::base64) {
      base64(octets);
      return true;
    }
    if (!is_utf8(octets)) return not_utf8(at);
    append_string(out_, octets);
    return true;
  }

  // The first octet from `at` on that is not UTF-8.
  bool not_utf8(std::size_t at) {
    while (at < body_.size()) {
      const std::size_t length = utf8_length(body_, at);
      if (length == 0) break;
      at += length;
    }
    fault_ = address_fault(body_, at, "not UTF-8");
    return false;
  }

  void base64(std::string_view octets) {
    out_ += '"';
    append_base64(out_, octets);
    out_ += '"';
  }

  std::string_view body_;
  JsonForm form_;
  std::string out_ = "[";
  AddressFault fault_;
};

}  // namespace

tl::expected<std::string, AddressFault> address_json(std::string_view body, const AddressList& list,
                                                     JsonForm form) {
  Printer printer(body, form);
  for (const Mailbox& mailbox : list.mailboxes) {
    if (!printer.add(list, mailbox)) return tl::make_unexpected(std::move(printer).fault());
  }
  return std::move(printer).finish();
}

std::string fault_json(const AddressFault& fault) {
  std::string line = "{\"error\":";
  append_string(line, fault.text);
  return fmt::format("{},\"at\":{}}}", line, fault.at);
}

}  // namespace porpoise::mail
