#include "local/environment.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

#include "libmail/address_text.h"

namespace porpoise::local {
namespace {

constexpr std::string_view kPath = "/usr/local/bin:/usr/bin:/bin";
constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// An LF in an address must not begin another header line.
std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', '_');
  return text;
}

// "Www Mon DD HH:MM:SS YYYY"
std::string mbox_date(std::int64_t wall_us) {
  using namespace std::chrono;
  const auto now = floor<seconds>(sys_time<microseconds>(microseconds(wall_us)));
  const auto day = floor<days>(now);
  const year_month_day date(day);
  const hh_mm_ss time(now - day);
  return fmt::format("{} {} {:02} {:02}:{:02}:{:02} {}", kDays[weekday(day).c_encoding()],
                     kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count(), static_cast<int>(date.year()));
}

// What follows the first dash; "" where there is none.
std::string_view after_dash(std::string_view ext) {
  const std::size_t dash = ext.find('-');
  return dash == std::string_view::npos ? std::string_view() : ext.substr(dash + 1);
}

// What precedes the last dot; the whole where there is none.
std::string_view before_dot(std::string_view host) {
  return host.substr(0, host.rfind('.'));
}

}  // namespace

std::string delivered_to_line(const Delivery& delivery) {
  return fmt::format("Delivered-To: {}\n", one_line(delivery.recipient()));
}

std::string return_path_line(std::string_view sender) {
  return fmt::format("Return-Path: <{}>\n", one_line(mail::quote_address(sender)));
}

std::string from_line(std::string_view sender, std::int64_t wall_us) {
  std::string shown(sender.empty() ? "MAILER-DAEMON" : sender);
  for (char& c : shown) {
    if (c == ' ' || c == '\t' || c == '\n') c = '-';
  }
  return fmt::format("From {} {}\n", shown, mbox_date(wall_us));
}

std::string new_sender(const Delivery& delivery, bool owner, bool owner_default) {
  if (delivery.sender.empty() || delivery.sender == "#@[]" || !owner) return delivery.sender;
  if (owner_default) return fmt::format("{}-owner-@{}-@[]", delivery.local, delivery.host);
  return fmt::format("{}-owner@{}", delivery.local, delivery.host);
}

std::vector<std::string> environment_of(const Delivery& d, const Surroundings& around) {
  std::vector<std::string> list;
  const auto set = [&list](std::string_view name, std::string_view value) {
    list.push_back(fmt::format("{}={}", name, value));
  };
  set("PATH", around.program_folder.empty() ? std::string(kPath)
                                            : fmt::format("{}:{}", around.program_folder, kPath));
  set("SHELL", "/bin/sh");
  set("USER", d.user);
  set("LOGNAME", d.user);
  set("HOME", d.home);
  set("LOCAL", d.local);
  set("HOST", d.host);
  set("RECIPIENT", d.recipient());
  set("SENDER", d.sender);
  set("NEWSENDER", around.new_sender);
  set("DTLINE", delivered_to_line(d));
  set("RPLINE", return_path_line(d.sender));
  set("UFLINE", from_line(d.sender, around.wall_us));

  const std::string_view ext2 = after_dash(d.ext), ext3 = after_dash(ext2);
  set("EXT", d.ext);
  set("EXT2", ext2);
  set("EXT3", ext3);
  set("EXT4", after_dash(ext3));
  const std::string_view host2 = before_dot(d.host), host3 = before_dot(host2);
  set("HOST2", host2);
  set("HOST3", host3);
  set("HOST4", before_dot(host3));
  if (around.default_part) set("DEFAULT", *around.default_part);
  if (!around.instance.empty()) set("PORPOISE", around.instance);
  return list;
}

}  // namespace porpoise::local
