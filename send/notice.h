// What a notice about mail that was not delivered says: a multipart/report (RFC 6522) of a text for
// people, which also is QSBMF for programs that know it; the delivery-status (RFC 3464); and the
// message's header. Pure; in pieces, so that nothing grows with the number of failures.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace porpoise::send {

struct Failure {
  std::string address;  ///< as in the envelope
  std::string text;     ///< why: lines, for a person; "(#x.y.z)" in it is the status code
};

/// Who a notice goes to, and from whom.
struct NoticeEnvelope {
  std::string sender;
  std::string recipient;
  bool is_double = false;  ///< about a notice that could not be delivered
};
/// `sender` is that of the message: VERP's mark is cut off, and where nothing is left the notice
/// goes to `double_to` with the sender "#@[]".
NoticeEnvelope notice_envelope(std::string sender, const std::string& double_to);

struct NoticeAbout {
  std::string id;      ///< of the notice
  std::string about;   ///< of the message
  std::string host;    ///< control/me: who speaks
  std::string from;    ///< MAILER-DAEMON@bouncehost
  std::string to;      ///< whom it goes to
  std::string sender;  ///< of the message
  bool is_double = false;
  bool eight_bit = false;  ///< some failure or the header holds octets from 128 on
  std::int64_t now_us = 0;
  std::int64_t arrival_us = 0;  ///< of the message
  std::string header;           ///< of the message; lines that end in LF
  bool header_cut = false;      ///< there was more of it
};

// The pieces, in this order.
std::string notice_beginning(const NoticeAbout& about);
std::string failure_paragraph(const Failure& failure);  ///< for each
std::string notice_middle(const NoticeAbout& about);
std::string failure_status(const Failure& failure);  ///< for each
std::string notice_end(const NoticeAbout& about);

/// The last "(#x.y.z)" of a text, without its brackets; "5.0.0" where there is none.
std::string status_code(std::string_view text);

/// The header of a message of which `beginning` is the first octets: up to the empty line, else
/// its whole lines.
std::string header_of(std::string_view beginning);

/// The message-id in that header, as "<...>", if it is one in ASCII and not too long; else "".
std::string plain_message_id(std::string_view header);

bool has_eight_bit(std::string_view text);

}  // namespace porpoise::send
