#include "libmail/encoded_word.h"

#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

TEST(DecodeWords, Rfc2047Section8) {
  EXPECT_EQ(decode_words("=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>"),
            "Keith Moore <moore@cs.utk.edu>");
  EXPECT_EQ(decode_words("=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?= <keld@dkuug.dk>"),
            "Keld J\u00f8rn Simonsen <keld@dkuug.dk>");
  EXPECT_EQ(decode_words("=?ISO-8859-1?Q?Andr=E9?= Pirard <PIRARD@vm1.ulg.ac.be>"),
            "Andr\u00e9 Pirard <PIRARD@vm1.ulg.ac.be>");
  EXPECT_EQ(decode_words("=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n"
                         "    =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?="),
            "If you can read this you understand the example.");
  EXPECT_EQ(decode_words("Nathaniel Borenstein <nsb@thumper.bellcore.com>\r\n"
                         " (=?iso-8859-8?b?7eXs+SDv4SDp7Oj08A==?=)"),
            "Nathaniel Borenstein <nsb@thumper.bellcore.com>\r\n"
            " (\u05dd\u05d5\u05dc\u05e9 \u05df\u05d1 \u05d9\u05dc\u05d8\u05e4\u05e0)");
}

TEST(DecodeWords, Rfc2047Section8Comments) {
  EXPECT_EQ(decode_words("(=?ISO-8859-1?Q?a?=)"), "(a)");
  EXPECT_EQ(decode_words("(=?ISO-8859-1?Q?a?= b)"), "(a b)");
  EXPECT_EQ(decode_words("(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)"), "(ab)");
  EXPECT_EQ(decode_words("(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)"), "(ab)");
  EXPECT_EQ(decode_words("(=?ISO-8859-1?Q?a?=\r\n  =?ISO-8859-1?Q?b?=)"), "(ab)");
  EXPECT_EQ(decode_words("(=?ISO-8859-1?Q?a_b?=)"), "(a b)");
  EXPECT_EQ(decode_words("(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)"), "(a b)");
}

TEST(DecodeWords, LanguageOfRfc2231IsSkipped) {
  EXPECT_EQ(decode_words("From: =?US-ASCII*EN?Q?Keith_Moore?= <moore@cs.utk.edu>"),
            "From: Keith Moore <moore@cs.utk.edu>");
}

TEST(DecodeWords, PlainTextStaysAsItIs) {
  for (const std::string_view text : {"", "plain", "  two  blanks ", "a\r\n b", "=", "?=", "=?",
                                      "=?"
                                      "?=",
                                      "a =? b ?= c", "\xff\x80", "x=y?z"}) {
    EXPECT_EQ(decode_words(text), text);
  }
}

TEST(DecodeWords, BrokenWordsStayAsWritten) {
  for (const std::string_view text :
       {"=?utf-8?q?a", "=?utf-8?q?a?", "=?utf-8?q?a? =", "=?utf-8?q?=?=", "=?utf-8?q?=4?=",
        "=?utf-8?q?=4g?=", "=?utf-8?q?a\nb?=", "=?utf-8?x?a?=", "=?utf-8?qq?a?=", "=?utf-8??a?=",
        "=??q?a?=", "=?utf-8 ?q?a?=", "=?utf-8?b?a?=", "=?utf-8?b?YQ=a?=", "=?utf-8?b?Y Q?=",
        "=?utf-8?b?====?=", "=?utf-8?b?Y===?=", "=?utf-8?b?YW\xc3?="}) {
    EXPECT_EQ(decode_words(text), text);
  }
}

TEST(DecodeWords, UnknownSetsStayAsWritten) {
  for (const std::string_view text :
       {"=?unknown-8bit?q?J=F6rg?=", "=?iso-2022-jp?b?GyRC?=", "=?utf-7?q?+AOk-?=",
        "=?iso-8859-12?q?x?=", "=?x-a-name-that-is-far-too-long-to-be-one?q?x?="}) {
    EXPECT_EQ(decode_words(text), text);
  }
}

TEST(DecodeWords, ABrokenWordKeepsTheBlankBeforeIt) {
  EXPECT_EQ(decode_words("=?utf-8?q?a?= =?utf-8?q?=?= =?utf-8?q?b?="), "a =?utf-8?q?=?= b");
  EXPECT_EQ(decode_words("=?utf-8?q?a?= =?zz?q?b?= =?utf-8?q?c?="), "a =?zz?q?b?= c");
}

TEST(DecodeWords, AWordBegunInABrokenOneIsFound) {
  EXPECT_EQ(decode_words("=?=?utf-8?q?a?="), "=?a");
  EXPECT_EQ(decode_words("=?utf-8?q?=?utf-8?q?a?="), "=?utf-8?q?a");
  EXPECT_EQ(decode_words("=?utf-8?=?utf-8?q?a?="), "=?utf-8?a");
}

TEST(DecodeWords, ACharacterCutByTwoWordsIsPutTogether) {
  EXPECT_EQ(decode_words("=?utf-8?q?J=C3?= =?utf-8?q?=B6rg?="), "J\u00f6rg");
  EXPECT_EQ(decode_words("=?UTF-8?b?Ssw=?= =?utf8?q?=88?="), "J\u0308");
  EXPECT_EQ(decode_words("=?utf-8?b?8J+Q?=\n\t=?utf-8?b?rA==?="), "\U0001f42c");
}

TEST(DecodeWords, WordsOfDifferentSetsAreNotPutTogether) {
  EXPECT_EQ(decode_words("=?utf-8?q?=C3?= =?iso-8859-15?q?=B8?="), "\ufffd\u017e");
}

TEST(DecodeWords, OctetsThatMeanNothingAreReplaced) {
  EXPECT_EQ(decode_words("=?utf-8?q?a=FFb?="), "a\ufffdb");
  EXPECT_EQ(decode_words("=?utf-8?q?=ED=A0=80?="), "\ufffd\ufffd\ufffd");
  EXPECT_EQ(decode_words("=?us-ascii?q?=E9?="), "\ufffd");
  EXPECT_EQ(decode_words("=?windows-1252?q?=81?="), "\ufffd");
  EXPECT_EQ(decode_words("=?iso-8859-7?q?=FF?="), "\ufffd");
}

TEST(DecodeWords, EverySetByTheEuroOrALetterOfItsOwn) {
  EXPECT_EQ(decode_words("=?iso-8859-1?q?=80=E9?="), "\u20ac\u00e9");  // as windows-1252
  EXPECT_EQ(decode_words("=?latin1?q?=E9?="), "\u00e9");
  EXPECT_EQ(decode_words("=?ISO_8859-2?q?=B1?="), "\u0105");
  EXPECT_EQ(decode_words("=?iso-8859-3?q?=B1?="), "\u0127");
  EXPECT_EQ(decode_words("=?iso-8859-4?q?=A2?="), "\u0138");
  EXPECT_EQ(decode_words("=?iso-8859-5?q?=B0?="), "\u0410");
  EXPECT_EQ(decode_words("=?iso-8859-6?q?=C7?="), "\u0627");
  EXPECT_EQ(decode_words("=?iso-8859-7?q?=C1?="), "\u0391");
  EXPECT_EQ(decode_words("=?iso-8859-8-i?q?=E0?="), "\u05d0");
  EXPECT_EQ(decode_words("=?iso-8859-9?q?=FE?="), "\u015f");
  EXPECT_EQ(decode_words("=?iso-8859-10?q?=BD?="), "\u2015");
  EXPECT_EQ(decode_words("=?iso-8859-11?q?=A1?="), "\u0e01");
  EXPECT_EQ(decode_words("=?iso-8859-13?q?=A8?="), "\u00d8");
  EXPECT_EQ(decode_words("=?iso-8859-14?q?=A1?="), "\u1e02");
  EXPECT_EQ(decode_words("=?iso-8859-15?q?=A4?="), "\u20ac");
  EXPECT_EQ(decode_words("=?iso-8859-16?q?=A4?="), "\u20ac");
  EXPECT_EQ(decode_words("=?windows-1250?q?=8A?="), "\u0160");
  EXPECT_EQ(decode_words("=?windows-1251?q?=C0?="), "\u0410");
  EXPECT_EQ(decode_words("=?cp1252?q?=93?="), "\u201c");
  EXPECT_EQ(decode_words("=?windows-1253?q?=C1?="), "\u0391");
  EXPECT_EQ(decode_words("=?windows-1254?q?=D0?="), "\u011e");
  EXPECT_EQ(decode_words("=?windows-1255?q?=E0?="), "\u05d0");
  EXPECT_EQ(decode_words("=?windows-1256?q?=C7?="), "\u0627");
  EXPECT_EQ(decode_words("=?windows-1257?q?=C0?="), "\u0104");
  EXPECT_EQ(decode_words("=?windows-1258?q?=D0?="), "\u0110");
  EXPECT_EQ(decode_words("=?windows-874?q?=80?="), "\u20ac");
  EXPECT_EQ(decode_words("=?koi8-r?q?=E1?="), "\u0410");
  EXPECT_EQ(decode_words("=?koi8-u?q?=A4?="), "\u0454");
}

TEST(DecodeWords, ForgivesWhatRealMailDoes) {
  EXPECT_EQ(decode_words("=?utf-8?Q?two words?="), "two words");
  EXPECT_EQ(decode_words("x=?utf-8?q?a?=y"), "xay");
  EXPECT_EQ(decode_words("=?utf-8?q?a?==?utf-8?q?b?="), "ab");
  EXPECT_EQ(decode_words("\"=?utf-8?q?=C3=B6?=\""), "\"\u00f6\"");
  EXPECT_EQ(decode_words("=?utf-8?b?YQ?="), "a");
  EXPECT_EQ(decode_words("=?utf-8?b?"
                         "?="),
            "");
  EXPECT_EQ(decode_words("=?utf-8?q?=c3=b6?="), "\u00f6");
  EXPECT_EQ(decode_words("=?utf-8?q?\xc3\xb6?="), "\u00f6");
}

TEST(DecodeWords, GivesControlOctetsBack) {
  EXPECT_EQ(decode_words("=?utf-8?q?a=0D=0ABcc:_x?="), "a\r\nBcc: x");
  EXPECT_EQ(decode_words("=?utf-8?b?AA==?="), std::string_view("\0", 1));
}

std::string unstructured(std::string_view text, std::size_t column = 0) {
  return encode_words(text, WordPlace::unstructured, column);
}

// Every word at most 75 octets, nothing but printable ASCII and blanks.
void expect_good_words(std::string_view encoded) {
  for (const char c : encoded) EXPECT_TRUE(c >= 32 && c < 127) << encoded;
  for (std::size_t at = 0; at < encoded.size();) {
    const std::size_t end = std::min(encoded.find(' ', at), encoded.size());
    if (encoded.substr(at).starts_with("=?")) {
      EXPECT_LE(end - at, 75U) << encoded;
    }
    at = end + 1;
  }
}

TEST(EncodeWords, LeavesPlainUnstructuredTextAlone) {
  for (const std::string_view text :
       {"", "plain", "two  blanks", "a = b ? c_d", "(x) \"y\" <z>", "?="}) {
    EXPECT_EQ(unstructured(text), text);
  }
}

TEST(EncodeWords, EncodesOnlyTheWordsThatNeedIt) {
  EXPECT_EQ(unstructured("Gr\u00fc\u00dfe aus K\u00f6ln am Rhein"),
            "=?utf-8?q?Gr=C3=BC=C3=9Fe?= aus =?utf-8?q?K=C3=B6ln?= am Rhein");
}

TEST(EncodeWords, KeepsTheBlankBetweenTwoThatNeedIt) {
  EXPECT_EQ(unstructured("a xx\u00f6 \u00e4 b"), "a =?utf-8?q?xx=C3=B6_=C3=A4?= b");
  EXPECT_EQ(unstructured("\u00f6   \u00e4"), "=?utf-8?q?=C3=B6___=C3=A4?=");
}

TEST(EncodeWords, UsesBaseSixtyFourWhereMostIsNotPlain) {
  EXPECT_EQ(unstructured("\u041f\u0440\u0438\u0432\u0435\u0442"), "=?utf-8?b?0J/RgNC40LLQtdGC?=");
}

TEST(EncodeWords, HidesWhatWouldReadAsAWord) {
  EXPECT_EQ(unstructured("see =?utf-8?q?x?= there"),
            "see =?us-ascii?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?= there");
  EXPECT_EQ(unstructured("a=?"), "=?us-ascii?q?a=3D=3F?=");
}

TEST(EncodeWords, NoTextCanEndALine) {
  EXPECT_EQ(unstructured("a\r\nBcc: b"), "=?us-ascii?q?a=0D=0ABcc:?= b");
  EXPECT_EQ(unstructured(std::string_view("a\0b", 3)), "=?us-ascii?q?a=00b?=");
  EXPECT_EQ(unstructured("a\tb"), "=?us-ascii?q?a=09b?=");
}

TEST(EncodeWords, BlanksAtTheEndsAndMoreThanALineOfThemAreEncoded) {
  EXPECT_EQ(unstructured(" a b"), "=?us-ascii?q?_a?= b");
  EXPECT_EQ(unstructured("a b "), "a =?us-ascii?q?b_?=");
  EXPECT_EQ(unstructured("  "), "=?us-ascii?q?__?=");
  EXPECT_EQ(unstructured("a" + std::string(33, ' ') + "b"),
            "a =?us-ascii?q?" + std::string(32, '_') + "b?=");
  EXPECT_EQ(unstructured("a" + std::string(32, ' ') + "b"), "a" + std::string(32, ' ') + "b");
}

TEST(EncodeWords, OctetsThatAreNotUtf8AreMarkedAsUnknown) {
  EXPECT_EQ(unstructured("J\xf6rg"), "=?unknown-8bit?q?J=F6rg?=");
  EXPECT_EQ(encode_words("J\xf6rg", WordPlace::phrase), "=?unknown-8bit?q?J=F6rg?=");
}

TEST(EncodeWords, APhraseIsEncodedWholeAndKeepsOnlyWhatAPhraseMayHold) {
  EXPECT_EQ(encode_words("J\u00f6rg M. (x)", WordPlace::phrase),
            "=?utf-8?q?J=C3=B6rg_M=2E_=28x=29?=");
  EXPECT_EQ(encode_words("", WordPlace::phrase), "");
}

TEST(EncodeWords, TheFirstWordLeavesRoomForWhatStandsBefore) {
  const std::string text(100, '\x01');
  const std::string encoded = unstructured(text, 9);
  EXPECT_LE(9 + encoded.find(' '), 76U);
  EXPECT_GT(9 + encoded.find(' '), 70U);
  EXPECT_EQ(unstructured("o\u00f6", 70), "=?utf-8?q?o=C3=B6?=");
}

TEST(EncodeWords, LongTextIsSplitBetweenCharactersAndComesBack) {
  std::string dolphins;
  for (int i = 0; i < 300; ++i) dolphins += i % 3 == 0 ? "\U0001f42c" : i % 3 == 1 ? "\u00f6" : "x";
  const std::string text = "a " + dolphins + "  " + std::string(501, 'a') + " = end";
  for (const WordPlace place : {WordPlace::unstructured, WordPlace::phrase}) {
    const std::string encoded = encode_words(text, place, 20);
    expect_good_words(encoded);
    EXPECT_EQ(decode_words(encoded), text);
  }
}

}  // namespace
}  // namespace porpoise::mail
