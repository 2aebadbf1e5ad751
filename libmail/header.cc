#include "libmail/header.h"

#include <algorithm>
#include <array>

namespace porpoise::mail {
namespace {

struct Known {
  std::string_view name;  // lower case
  FieldName field;
};

// Sorted by name.
constexpr std::array<Known, 29> kKnown = {{
    {"apparently-to", FieldName::apparently_to},
    {"bcc", FieldName::bcc},
    {"cc", FieldName::cc},
    {"content-length", FieldName::content_length},
    {"content-transfer-encoding", FieldName::content_transfer_encoding},
    {"content-type", FieldName::content_type},
    {"date", FieldName::date},
    {"delivered-to", FieldName::delivered_to},
    {"errors-to", FieldName::errors_to},
    {"from", FieldName::from},
    {"mail-followup-to", FieldName::mail_followup_to},
    {"mail-reply-to", FieldName::mail_reply_to},
    {"message-id", FieldName::message_id},
    {"notice-requested-upon-delivery-to", FieldName::notice_requested_upon_delivery_to},
    {"received", FieldName::received},
    {"reply-to", FieldName::reply_to},
    {"resent-bcc", FieldName::resent_bcc},
    {"resent-cc", FieldName::resent_cc},
    {"resent-date", FieldName::resent_date},
    {"resent-from", FieldName::resent_from},
    {"resent-message-id", FieldName::resent_message_id},
    {"resent-reply-to", FieldName::resent_reply_to},
    {"resent-sender", FieldName::resent_sender},
    {"resent-to", FieldName::resent_to},
    {"return-path", FieldName::return_path},
    {"return-receipt-to", FieldName::return_receipt_to},
    {"sender", FieldName::sender},
    {"subject", FieldName::subject},
    {"to", FieldName::to},
}};
static_assert(std::ranges::is_sorted(kKnown, {}, &Known::name));

constexpr std::size_t kLongestKnown = 33;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

bool is_name_octet(char c) {
  return c >= 33 && c <= 126 && c != ':';
}

}  // namespace

FieldName field_name(std::string_view name) {
  if (name.size() > kLongestKnown) return FieldName::other;
  std::array<char, kLongestKnown> buffer{};
  std::ranges::transform(name, buffer.begin(), lower);
  const std::string_view wanted(buffer.data(), name.size());
  const auto* found = std::ranges::lower_bound(kKnown, wanted, {}, &Known::name);
  return found != kKnown.end() && found->name == wanted ? found->field : FieldName::other;
}

FieldView Header::field(std::size_t index) const {
  const Extent& e = fields_[index];
  const std::string_view text = std::string_view(text_).substr(e.begin, e.size);
  return {e.known, text, text.substr(0, e.name_size), text.substr(e.body)};
}

std::size_t HeaderReader::feed(std::string_view in) {
  std::size_t taken = 0;
  while (taken < in.size() && line_ != Line::over) {
    if (line_ != Line::field) {
      classify(in[taken++]);
    } else {
      const std::string_view rest = in.substr(taken);
      const std::size_t lf = rest.find('\n');
      const std::size_t count = lf == std::string_view::npos ? rest.size() : lf + 1;
      header_.text_.append(rest.substr(0, count));
      taken += count;
      if (lf != std::string_view::npos) end_line();
    }
    if (header_.text_.size() > limits_.octets) {
      fail(fmt::format("the header is longer than {} octets", limits_.octets));
    }
  }
  return taken;
}

// One octet of a line of which it is not yet known what it is.
void HeaderReader::classify(char c) {
  std::string& text = header_.text_;
  text += c;
  switch (line_) {
    case Line::begin:
      name_size_ = 0;
      if (c == '\n') {
        end_at(Header::End::empty_line);
      } else if (c == '\r') {
        line_ = Line::cr;
      } else if (is_blank(c) && !header_.fields_.empty()) {
        line_ = Line::field;
      } else if (is_name_octet(c)) {
        line_ = Line::name;
        name_size_ = 1;
      } else {
        end_at(Header::End::not_a_field);
      }
      return;
    case Line::cr:
      end_at(c == '\n' ? Header::End::empty_line : Header::End::not_a_field);
      return;
    case Line::name:
      if (is_name_octet(c) && ++name_size_ <= limits_.name_octets) return;
      [[fallthrough]];
    case Line::blanks:
      if (c == ':') {
        begin_field();
      } else if (is_blank(c) && text.size() - line_begin_ <= limits_.name_octets) {
        line_ = Line::blanks;
      } else if (std::string_view(text).substr(line_begin_).starts_with("From ")) {
        make_mbox_line();
        if (c == '\n') end_line();
      } else {
        end_at(Header::End::not_a_field);
      }
      return;
    case Line::field:
    case Line::over:
      return;
  }
}

void HeaderReader::begin_field() {
  Header::Extent field;
  field.begin = line_begin_;
  field.name_size = name_size_;
  field.body = header_.text_.size() - line_begin_;
  field.known = field_name(std::string_view(header_.text_).substr(line_begin_, name_size_));
  header_.fields_.push_back(field);
  line_ = Line::field;
  if (header_.fields_.size() > limits_.fields) {
    fail(fmt::format("the header has more than {} fields", limits_.fields));
  }
}

void HeaderReader::make_mbox_line() {
  constexpr std::string_view kName = "MBOX-Line";
  header_.text_.insert(line_begin_, "MBOX-Line: ");
  Header::Extent field;
  field.begin = line_begin_;
  field.name_size = kName.size();
  field.body = kName.size() + 1;
  header_.fields_.push_back(field);
  line_ = Line::field;
}

// A line of a field is complete: its LF is the last octet of the text.
void HeaderReader::end_line() {
  std::string& text = header_.text_;
  const bool crlf = text.size() >= 2 && text[text.size() - 2] == '\r';
  if (crlf) text.erase(text.size() - 2, 1);
  if (!header_.crlf_) header_.crlf_ = crlf;
  Header::Extent& field = header_.fields_.back();
  field.size = text.size() - field.begin;
  line_begin_ = text.size();
  if (line_ != Line::over) line_ = Line::begin;
}

// The text from line_begin_ on is not of the header.
void HeaderReader::end_at(Header::End end) {
  std::string& text = header_.text_;
  if (end == Header::End::empty_line && !header_.crlf_) {
    header_.crlf_ = text.size() - line_begin_ == 2;
  }
  if (end == Header::End::not_a_field) header_.body_begin_ = text.substr(line_begin_);
  text.resize(line_begin_);
  header_.end_ = end;
  line_ = Line::over;
}

void HeaderReader::fail(std::string text) {
  if (fault_.empty()) fault_ = std::move(text);
  line_ = Line::over;
}

Result<Header> HeaderReader::finish() && {
  if (!fault_.empty()) return permanent("{}", fault_);
  switch (line_) {
    case Line::field:
      header_.text_ += '\n';
      end_line();
      break;
    case Line::blanks:
      if (std::string_view(header_.text_).substr(line_begin_).starts_with("From ")) {
        make_mbox_line();
        header_.text_ += '\n';
        end_line();
        break;
      }
      [[fallthrough]];
    case Line::cr:
    case Line::name:
      end_at(Header::End::not_a_field);
      break;
    case Line::begin:
    case Line::over:
      break;
  }
  return std::move(header_);
}

}  // namespace porpoise::mail
