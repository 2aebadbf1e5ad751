// Splitting headers into fields, beside a loop that does nothing but find the ends of their lines.
// The target: FieldSplitter takes at most 2.5 times as long. The other ways to read a header are
// measured beside it.

#include <cstring>
#include <string>
#include <vector>

#include "bench/measure.h"
#include "libmail/field_splitter.h"
#include "libmail/header.h"

namespace {

using namespace porpoise;

// A header as mail that came a long way has it.
constexpr std::string_view kHeader =
    R"(Return-Path: <bounces+3402-8e1f-alice=here.test@mail.example.com>
Delivered-To: alice@here.test
Received: from mail-relay-17.example.com (mail-relay-17.example.com [203.0.113.17])
	(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)
	 key-exchange X25519 server-signature RSA-PSS (2048 bits))
	by mx.here.test (Porpoise) with ESMTPS id 0r6k2m9q4d7t
	for <alice@here.test>; Tue, 17 Mar 2026 09:12:44 +0100
Received: from app-3.internal.example.com (unknown [10.20.30.40])
	by mail-relay-17.example.com with ESMTP id 4ZHn3v2bqWz3x
	for <alice@here.test>; Tue, 17 Mar 2026 08:12:41 +0000 (UTC)
Received-SPF: pass (here.test: domain of example.com designates 203.0.113.17 as permitted sender)
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=k2;
	t=1773735161; i=news@example.com;
	bh=mQ0FSAyCzTOZ3ZfZ+E4CP4QaCwNdNbDXzXtVUkhWm6E=;
	h=From:To:Subject:Date:Message-ID:List-ID:List-Unsubscribe:MIME-Version;
	b=Zb6l8Xv0QwTQ8h0n8CtjvNQrmTtqvX0q2rG5yT2aW1k3oQx8UuOqvI5F3S0aJmW6s
	 Qy8vYk1dF7vH5jz0o2b9cV4mJ6l1xP3nT8uR5wE7yA2sD4fG6hJ8kL0zX2cV4bN6m
Date: Tue, 17 Mar 2026 08:12:41 +0000
From: "Example Weekly" <news@example.com>
Reply-To: Example Weekly <editors@example.com>
To: Alice Example <alice@here.test>
Cc: bob@here.test, "Carol, of the Third Floor" <carol@there.test>,
  dave@elsewhere.test
Message-ID: <20260317081241.4ZHn3v2bqWz3x@app-3.internal.example.com>
In-Reply-To: <CAF9x0q8fY2v=w1aK3@mail.example.com>
References: <CAD2k0x7eX1u=v0zJ2@mail.example.com>
	<CAE8w9p7eX1u=v0zJ2@mail.example.com> <CAF9x0q8fY2v=w1aK3@mail.example.com>
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= and this week's list of things worth a look
List-ID: <weekly.example.com>
List-Unsubscribe: <https://example.com/unsubscribe/8e1f>, <mailto:leave@example.com>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
Precedence: bulk
X-Mailer: Example Mailer 4.2
X-Campaign: 3402
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="=_8e1f4a2b6c9d0e7f"
Content-Transfer-Encoding: 8bit
X-Spam-Status: No, score=-2.1 required=5.0 tests=BAYES_00,DKIM_SIGNED,
	DKIM_VALID,SPF_PASS autolearn=ham version=4.0.0

)";
constexpr int kTimes = 2000;
constexpr int kRounds = 30;

std::size_t find_lines(std::string_view text) {
  std::size_t lines = 0;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at != end) {
    const void* lf = std::memchr(at, '\n', static_cast<std::size_t>(end - at));
    at = lf == nullptr ? end : static_cast<const char*>(lf) + 1;
    bench::keep(at);
    ++lines;
  }
  return lines;
}

std::size_t split(std::string_view text) {
  mail::FieldSplitter splitter(text);
  std::size_t fields = 0;
  for (mail::FieldSlice field; splitter.next(field); ++fields) bench::keep(field);
  return fields;
}

std::size_t split_and_name(std::string_view text) {
  mail::FieldSplitter splitter(text);
  std::size_t known = 0;
  for (mail::FieldSlice field; splitter.next(field);) {
    known += field.known() != mail::FieldName::other ? 1 : 0;
  }
  return known;
}

std::size_t read_header(std::string_view text) {
  mail::HeaderReader reader;
  reader.feed(text);
  return std::move(reader).finish()->size();
}

template <class Work>
auto often(Work work, const std::vector<std::string>& headers) {
  return [work, &headers] {
    for (int i = 0; i < kTimes; ++i) {
      bench::keep(work(headers[static_cast<std::size_t>(i) % headers.size()]));
    }
  };
}

}  // namespace

int main() {
  // Copies at different places, so that none of them is a lucky one.
  const std::vector<std::string> headers(16, std::string(kHeader));
  const double lines = static_cast<double>(find_lines(kHeader)) * kTimes;
  std::printf("%zu octets, %zu lines, %zu fields\n", kHeader.size(), find_lines(kHeader),
              split(kHeader));
  const auto ends = often(find_lines, headers);
  bench::print("FieldSplitter", bench::best_of(kRounds, often(split, headers), ends), "memchr",
               lines, "line");
  bench::print("FieldSplitter, names known",
               bench::best_of(kRounds, often(split_and_name, headers), ends), "memchr", lines,
               "line");
  bench::print("HeaderReader", bench::best_of(kRounds, often(read_header, headers), ends), "memchr",
               lines, "line");
}
