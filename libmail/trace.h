// The fields that say where a message has been: Received and Delivered-To (RFC 5321 section 6.3,
// RFC 9228). Only whole names count: Received-SPF and X-Delivered-To are other fields.

#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace porpoise::mail {

/// Fed the message in pieces of any size; holds no more of it than a name.
class TraceScan {
 public:
  /// `own_line`: a field of one line with its LF, as it is written in front of a message at each
  /// delivery to one address; found octet by octet the same, the message is looping.
  explicit TraceScan(std::string own_line = "") : own_line_(std::move(own_line)) {}

  void feed(std::string_view piece);

  /// Received and Delivered-To fields so far.
  std::size_t hops() const { return received_ + delivered_; }
  std::size_t received() const { return received_; }
  std::size_t delivered() const { return delivered_; }
  bool looping() const { return looping_; }

  /// The empty line that ends the header was read (LF or CR LF): no need to feed more.
  bool done() const { return done_; }

 private:
  void take(char c);
  void count_name();
  void end_line();

  std::string own_line_;
  std::size_t received_ = 0;
  std::size_t delivered_ = 0;
  bool looping_ = false;
  bool done_ = false;

  // The line being read.
  std::size_t length_ = 0;
  bool same_ = true;             // as own_line_, so far
  bool naming_ = true;           // in a name, or in blanks after it
  bool blanks_ = false;          // in those blanks
  bool cr_ = false;              // nothing but a CR, so far
  std::array<char, 12> name_{};  // lower case; as many octets as "delivered-to"
  std::size_t name_size_ = 0;
};

}  // namespace porpoise::mail
