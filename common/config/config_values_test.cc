#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "common/config/values.h"
#include "common/status/status_matchers.h"

namespace waybill::config {
namespace {

const auto kInvalid = StatusIs(absl::StatusCode::kInvalidArgument);

TEST(Values, ReadsSizesWithTheirUnit) {
  EXPECT_EQ(*ParseBytes("0B"), 0);
  EXPECT_EQ(*ParseBytes("512B"), 512);
  EXPECT_EQ(*ParseBytes("1kB"), 1000);
  EXPECT_EQ(*ParseBytes("1KiB"), 1024);
  EXPECT_EQ(*ParseBytes("64MiB"), 64 << 20);
  EXPECT_EQ(*ParseBytes("10GB"), 10'000'000'000);
  EXPECT_EQ(*ParseBytes("8388607TiB"), 8'388'607LL << 40);
}

TEST(Values, RefusesSizesThatCouldMeanTwoThings) {
  for (const char* text : {"", "10", "10g", "10G", "10gb", "10 GB", "-1B", "+1B", "1.5GB", "GB",
                           "10GBB", "8388608TiB", "99999999999999999999B", "0x10B"}) {
    EXPECT_THAT(ParseBytes(text), kInvalid) << text;
  }
}

TEST(Values, ReadsBackTheSizesItWrites) {
  for (const std::int64_t bytes :
       {0LL, 1LL, 1000LL, 1024LL, 1025LL, 64LL << 20, 10'000'000'000LL}) {
    EXPECT_EQ(*ParseBytes(FormatBytes(bytes)), bytes) << FormatBytes(bytes);
  }
}

TEST(Values, ReadsDurationsButNotInfiniteOnes) {
  EXPECT_EQ(*ParseDuration("250ms"), absl::Milliseconds(250));
  EXPECT_EQ(*ParseDuration("1h30m"), absl::Minutes(90));
  for (const char* text : {"", "60", "inf", "-inf", "1 s", "s", "1d"}) {
    EXPECT_THAT(ParseDuration(text), kInvalid) << text;
  }
}

TEST(Values, ReadsAddressesWithAPossiblePort) {
  for (const char* text : {"127.0.0.1:0", "host.example:65535", "[::1]:50051"}) {
    EXPECT_EQ(*ParseAddress(text), text);
  }
  for (const char* text : {"", "host", ":80", "host:", "host:65536", "host:99999", "host:-1",
                           "host:+1", "host:8o", "::1:80", "http://host:80", "a b:80", "[]:80"}) {
    EXPECT_THAT(ParseAddress(text), kInvalid) << text;
  }
}

TEST(Values, ReadsIntegersThatFit) {
  EXPECT_EQ(*ParseInteger("-7"), -7);
  for (const char* text : {"", "7.0", "seven", "9223372036854775808"}) {
    EXPECT_THAT(ParseInteger(text), kInvalid) << text;
  }
}

}  // namespace
}  // namespace waybill::config
