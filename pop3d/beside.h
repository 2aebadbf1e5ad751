// How popup and checkpassword talk where they stand beside each other, as in a system instance:
// over a pair of message sockets, descriptor 3 of both. popup sends login records, at most so many;
// checkpassword answers each with one octet.

#pragma once

namespace porpoise::pop3d {

inline constexpr int kBesideFd = 3;
inline constexpr char kSaysWrong = 'W';    ///< name or password
inline constexpr char kSaysTrouble = 'T';  ///< the server
/// Right: the session begins on the connection, which popup leaves to it. kSaysTrouble may follow,
/// where it did not begin; else the end of the socket.
inline constexpr char kSaysServed = 'S';

/// More records than these are not looked at. popup gives up earlier.
inline constexpr int kMaxRecords = 5;

}  // namespace porpoise::pop3d
