#include "common/model/share_url.h"

#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "common/status/status_matchers.h"

namespace waybill::model {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string FaultOf(absl::string_view url) {
  const absl::Status status = CheckUrl("server.shares[0].url", url, kShareUrlBytesMax);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument)) << url;
  return std::string(status.message());
}

TEST(ShareUrlTest, IsAHostWithPortAndPathOrWithout) {
  for (const char* url :
       {"http://ds1", "http://ds1.nyc:8080", "https://ds1.nyc", "http://10.0.0.7:80",
        "http://[::1]:8080", "https://[fe80::1]", "http://DS1/packages", "http://ds_1/a/b.c/~d",
        "http://ds1/with%20space", "http://ds1/%E2%82%AC", "http://ds1/a:b@c;d=e,f", "http://ds1:1",
        "http://ds1:65535", "http://ds1/...", "http://ds1/a..b"}) {
    EXPECT_THAT(CheckUrl("url", url, kShareUrlBytesMax), IsOk()) << url;
  }
}

TEST(ShareUrlTest, WhatItMayNotHoldIsSaid) {
  const std::pair<const char*, const char*> faults[] = {
      {"", "begins with http:// or https://"},
      {"ds1.nyc:8080", "begins with http:// or https://"},
      {"HTTP://ds1", "begins with http:// or https://"},
      {"ftp://ds1", "begins with http:// or https://"},
      {"file:///etc", "begins with http:// or https://"},
      {" http://ds1", "begins with http:// or https://"},
      {"http://", "the host is a name"},
      {"http:///path", "the host is a name"},
      {"http://:80", "the host is a name"},
      {"http://-ds1", "the host is a name"},
      {"http://d s1", "the host is a name"},
      {"http://ds1\n", "the host is a name"},
      {"http://ds1%2e", "the host is a name"},
      {"http://[::1", "the host is a name"},
      {"http://[]", "the host is a name"},
      {"http://[::1%25eth0]", "the host is a name"},
      {"http://::1", "the host is a name"},
      {"http://[::1]80", "only a port"},
      {"http://user@ds1", "a user or password"},
      {"http://user:secret@ds1", "a user or password"},
      {"http://ds1:", "the port is 1 to 65535"},
      {"http://ds1:0", "the port is 1 to 65535"},
      {"http://ds1:65536", "the port is 1 to 65535"},
      {"http://ds1:+80", "the port is 1 to 65535"},
      {"http://ds1:80:80", "the port is 1 to 65535"},
      {"http://ds1?x=1", "a query"},
      {"http://ds1/a?", "a query"},
      {"http://ds1/#top", "a fragment"},
      {"http://ds1/", "no slash at the end"},
      {"http://ds1/a/", "no slash at the end"},
      {"http://ds1//a", "no slash at the end"},
      {"http://ds1/a/../b", "no part may be . or .."},
      {"http://ds1/.", "no part may be . or .."},
      {"http://ds1/%2e%2E/b", "no part may be . or .."},
      {"http://ds1/.%2e", "no part may be . or .."},
      {"http://ds1/a%2Fb", "an escaped slash"},
      {"http://ds1/a%00", "an escaped slash or NUL"},
      {"http://ds1/100%", "two hex digits"},
      {"http://ds1/%4", "two hex digits"},
      {"http://ds1/%zz", "two hex digits"},
      {"http://ds1/a b", "written as %XX"},
      {"http://ds1/\xe2\x82\xac", "written as %XX"},
      {"http://ds1/a\\b", "written as %XX"},
      {"http://ds1/a\r\nX: y", "written as %XX"},
  };
  for (const auto& [url, fault] : faults) {
    EXPECT_THAT(FaultOf(url), AllOf(StartsWith("server.shares[0].url '"), HasSubstr(fault))) << url;
  }
}

TEST(ShareUrlTest, HasALimitedLength) {
  const std::string longest = absl::StrCat("http://ds1/", std::string(kShareUrlBytesMax - 11, 'a'));
  EXPECT_THAT(CheckUrl("url", longest, kShareUrlBytesMax), IsOk());
  EXPECT_THAT(FaultOf(longest + "a"), HasSubstr("at most 500 bytes"));
  EXPECT_LT(FaultOf(longest + "a").size(), 300U) << "the error shows its beginning only";
  EXPECT_THAT(FaultOf(absl::StrCat("http://", std::string(254, 'h'))), HasSubstr("the host"));
}

TEST(ShareUrlTest, AnErrorShowsNothingThatMovesTheCursor) {
  EXPECT_THAT(FaultOf("http://ds1/\x1b[2J"), HasSubstr("\\x1b"));
}

TEST(UrlBeneathTest, EscapesEveryByteThatMayMeanSomethingElse) {
  const std::pair<const char*, const char*> paths[] = {
      {"bin/setup", "/bin/setup"},
      {"A-z_0.9~", "/A-z_0.9~"},
      {"with space", "/with%20space"},
      {"100%", "/100%25"},
      {"what?#", "/what%3F%23"},
      {"a+b&c=d;e", "/a%2Bb%26c%3Dd%3Be"},
      {"\xe2\x82\xac/\xc3\xa9", "/%E2%82%AC/%C3%A9"},
      {"C:\\x", "/C%3A%5Cx"},
      {"%2e%2e/x", "/%252e%252e/x"},
      {".../..a", "/.../..a"},
      {"\"<>|'@!$()*,", "/%22%3C%3E%7C%27%40%21%24%28%29%2A%2C"},
  };
  for (const auto& [path, expected] : paths) {
    EXPECT_EQ(UrlBeneath("http://ds1:80/c", path), absl::StrCat("http://ds1:80/c", expected));
  }
}

TEST(UrlBeneathTest, GivesAUrlThatPassesForEachByteOfAName) {
  for (int byte = 1; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (c == '/') continue;
    const std::string url = UrlBeneath("http://ds1", std::string(1, c) + "x");
    EXPECT_THAT(CheckUrl("url", url, kLocationUrlBytesMax), IsOk()) << byte;
  }
}

}  // namespace
}  // namespace waybill::model
