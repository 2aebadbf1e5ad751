#include "smtp/received.h"

#include "libmail/smtp_path.h"

namespace porpoise::smtp {

queue::ReceivedClauses received_clauses(const Trace& trace, const std::string& host,
                                        std::string_view peer) {
  queue::ReceivedClauses clauses{
      .from = trace.helo, .by = host, .with = std::string(trace.protocol), .recipient = {}};
  if (!trace.recipient.empty()) {
    clauses.recipient = mail::print_path(trace.recipient).value_or("");
  }
  std::string note(peer);
  if (!mail::smtp_domain_fault(trace.helo).empty()) {
    clauses.from = "unknown";
    note = fmt::format("HELO {}{}{}", trace.helo, peer.empty() ? "" : ", ", peer);
  }
  if (!note.empty()) clauses.from += fmt::format(" ({})", note);
  return clauses;
}

}  // namespace porpoise::smtp
