#include "common/jobdb/parameters.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/status/status_matchers.h"

namespace waybill::jobdb {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

enum class Colour : std::int16_t { kRed = 3 };

TEST(Encode, WritesEachTypeAsPostgresReadsIt) {
  EXPECT_EQ(Encode("a'b"), "a'b");
  EXPECT_EQ(Encode(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(Encode(true), "t");
  EXPECT_EQ(Encode(Colour::kRed), "3");
  EXPECT_EQ(Encode(Bytes{absl::string_view("\0\xff", 2)}), "\\x00ff");
  EXPECT_EQ(Encode(absl::Milliseconds(1500)), "1500000 microseconds");
  EXPECT_EQ(Encode(0.1), "0.10000000000000001");
  EXPECT_EQ(Encode(-HUGE_VAL), "-Infinity");
  EXPECT_EQ(Encode(std::optional<int>()), std::nullopt);
  EXPECT_EQ(Encode(std::optional<int>(7)), "7");
}

TEST(Encode, KeepsMicrosecondsOfATimeAndBothInfinities) {
  const absl::Time time = absl::FromUnixMicros(1'700'000'000'000'001);
  EXPECT_EQ(Encode(time), "2023-11-14 22:13:20.000001+00");
  EXPECT_EQ(Encode(absl::InfiniteFuture()), "infinity");
  EXPECT_EQ(*DecodeTime(*Encode(time)), time);
  EXPECT_EQ(*DecodeTime("infinity"), absl::InfiniteFuture());
  EXPECT_EQ(*DecodeTime("-infinity"), absl::InfinitePast());
}

TEST(EncodeArray, QuotesWhatWouldBreakTheLiteral) {
  const std::vector<std::string> hard = {"", "NULL", "a,b", "{}", "say \"x\"", "back\\slash"};
  EXPECT_EQ(Encode(hard), R"({"","NULL","a,b","{}","say \"x\"","back\\slash"})");
  EXPECT_EQ(Encode(std::vector<std::int64_t>{}), "{}");
  EXPECT_EQ(Encode(std::vector<std::optional<int>>{1, std::nullopt}), R"({"1",NULL})");
}

TEST(DecodeArray, ReadsWhatPostgresWrites) {
  EXPECT_THAT(*DecodeArray("{}"), IsEmpty());
  EXPECT_THAT(*DecodeArray("{1,-2,NULL}"), ElementsAre("1", "-2", std::nullopt));
  EXPECT_THAT(*DecodeArray(R"({a b,"","x\"\\y","NULL"})"),
              ElementsAre("a b", "", "x\"\\y", "NULL"));
}

TEST(DecodeArray, RefusesWhatIsNotAnArrayOfOneDimension) {
  for (const char* text : {"", "{", "}", "{1", "{1,", "{,}", "{1,}", "{1}2", "{\"a}", "{\"a\\",
                           "{{1}}", "[0:1]={1,2}", "{a\"b\"}", "{\"a\"b}"}) {
    EXPECT_THAT(DecodeArray(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

TEST(DecodeTime, RefusesAnyOtherZoneOrForm) {
  for (const char* text : {"", "2023-11-14 22:13:20", "2023-11-14 22:13:20+01", "yesterday+00"}) {
    EXPECT_THAT(DecodeTime(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

TEST(DecodeBytes, ReadsHexAndRefusesTheRest) {
  EXPECT_EQ(*DecodeBytes("\\x00ff"), std::string("\0\xff", 2));
  EXPECT_EQ(*DecodeBytes("\\x"), "");
  for (const char* text : {"", "00ff", "\\x0", "\\x0g"}) {
    EXPECT_THAT(DecodeBytes(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

}  // namespace
}  // namespace waybill::jobdb
