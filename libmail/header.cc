#include "libmail/header.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "libmail/field_name_run.h"
#include "libmail/steps.h"

namespace porpoise::mail {
namespace {

struct Known {
  std::string_view name;  // lower case
  FieldName field;
};

// Sorted by length.
constexpr std::array<Known, 29> kKnown = {{
    {"cc", FieldName::cc},
    {"to", FieldName::to},
    {"bcc", FieldName::bcc},
    {"date", FieldName::date},
    {"from", FieldName::from},
    {"sender", FieldName::sender},
    {"subject", FieldName::subject},
    {"received", FieldName::received},
    {"reply-to", FieldName::reply_to},
    {"errors-to", FieldName::errors_to},
    {"resent-cc", FieldName::resent_cc},
    {"resent-to", FieldName::resent_to},
    {"message-id", FieldName::message_id},
    {"resent-bcc", FieldName::resent_bcc},
    {"resent-date", FieldName::resent_date},
    {"resent-from", FieldName::resent_from},
    {"return-path", FieldName::return_path},
    {"content-type", FieldName::content_type},
    {"delivered-to", FieldName::delivered_to},
    {"apparently-to", FieldName::apparently_to},
    {"mail-reply-to", FieldName::mail_reply_to},
    {"resent-sender", FieldName::resent_sender},
    {"content-length", FieldName::content_length},
    {"resent-reply-to", FieldName::resent_reply_to},
    {"mail-followup-to", FieldName::mail_followup_to},
    {"resent-message-id", FieldName::resent_message_id},
    {"return-receipt-to", FieldName::return_receipt_to},
    {"content-transfer-encoding", FieldName::content_transfer_encoding},
    {"notice-requested-upon-delivery-to", FieldName::notice_requested_upon_delivery_to},
}};
constexpr std::size_t kLongestKnown = kKnown.back().name.size();

// Where in kKnown the names of each length begin, and where the last of them ends.
constexpr auto kByLength = [] {
  std::array<std::uint8_t, kLongestKnown + 2> begin{};
  for (const Known& known : kKnown) ++begin[known.name.size() + 1];
  for (std::size_t i = 1; i < begin.size(); ++i) begin[i] += begin[i - 1];
  return begin;
}();
static_assert(std::ranges::is_sorted(kKnown, {}, [](const Known& k) { return k.name.size(); }));

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool is_name(std::string_view name, const Known& known) {
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (lower(name[i]) != known.name[i]) return false;
  }
  return true;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

}  // namespace

FieldName field_name(std::string_view name) {
  if (name.size() > kLongestKnown) return FieldName::other;
  for (std::size_t i = kByLength[name.size()]; i < kByLength[name.size() + 1]; ++i) {
    if (is_name(name, kKnown[i])) return kKnown[i].field;
  }
  return FieldName::other;
}

FieldView Header::field(std::size_t index) const {
  const Extent& e = fields_[index];
  const std::string_view text = std::string_view(text_).substr(e.begin, e.size);
  return {e.known, text, text.substr(0, e.name_size), text.substr(e.body)};
}

std::size_t HeaderReader::feed(std::string_view in) {
  std::size_t taken = 0;
  while (taken < in.size() && line_ != Line::over) {
    if (line_ == Line::begin && take_name(in.substr(taken))) {
      taken += name_size_ + 1;
    } else if (line_ != Line::field) {
      classify(in[taken++]);
    } else {
      const std::string_view rest = in.substr(taken);
      const std::size_t lf = rest.find('\n');
      const std::size_t count = lf == std::string_view::npos ? rest.size() : lf + 1;
      count_steps(count);
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

// The whole name of a field with its colon, where it is in one piece: the quick way to what
// classify() does octet by octet.
bool HeaderReader::take_name(std::string_view in) {
  const char* colon = name_run_end(in.data(), in.data() + in.size());
  const auto size = static_cast<std::size_t>(colon - in.data());
  if (size == 0 || size > limits_.name_octets || size == in.size() || *colon != ':') return false;
  name_size_ = size;
  header_.text_.append(in.substr(0, size + 1));
  begin_field();
  return true;
}

// One octet of a line of which it is not yet known what it is.
void HeaderReader::classify(char c) {
  std::string& text = header_.text_;
  count_steps();
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
