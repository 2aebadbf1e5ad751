// What a delivery says about itself: the lines put before the message, and the variables that
// programs see (reference section 7.4). Pure.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace porpoise::local {

/// The eight operands of local(8).
struct Delivery {
  std::string user;
  std::string home;
  std::string local;  ///< the local part as routed, in its original case
  std::string dash;
  std::string ext;
  std::string host;
  std::string sender;
  std::string default_delivery;

  std::string recipient() const { return local + "@" + host; }
};

/// "Delivered-To: LOCAL@HOST" and LF; an LF inside becomes "_".
std::string delivered_to_line(const Delivery& delivery);

/// "Return-Path: <SENDER>" and LF, the local part quoted where it must be.
std::string return_path_line(std::string_view sender);

/// "From SENDER DATE" and LF, as an mbox has it: blanks in the sender become "-", the null sender
/// MAILER-DAEMON; the date is UTC.
std::string from_line(std::string_view sender, std::int64_t wall_us);

/// The sender of what is forwarded (reference section 7.6). `owner` and `owner_default`: whether
/// .qmail...-owner and ...-owner-default exist.
std::string new_sender(const Delivery& delivery, bool owner, bool owner_default);

struct Surroundings {
  std::int64_t wall_us = 0;
  std::string new_sender{};
  std::optional<std::string> default_part{};  ///< DEFAULT; not set where nothing was matched
  std::string program_folder{};               ///< first in PATH
  std::string instance{};                     ///< PORPOISE; "" leaves it out
};

/// The whole environment of a program: built from nothing, so that nothing but this is in it.
std::vector<std::string> environment_of(const Delivery& delivery, const Surroundings& around);

}  // namespace porpoise::local
