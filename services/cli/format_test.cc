#include "services/cli/format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "common/model/proto_time.h"
#include "common/status/status_matchers.h"

namespace waybill::cli {
namespace {

TEST(Format, ShowsBytesWithThreeDigitsAndNeverAThousand) {
  EXPECT_EQ(Bytes(0), "0 B");
  EXPECT_EQ(Bytes(999), "999 B");
  EXPECT_EQ(Bytes(1000), "1.0 KB");
  EXPECT_EQ(Bytes(999949), "999.9 KB");
  EXPECT_EQ(Bytes(999999), "1.0 MB");
  EXPECT_EQ(Bytes(INT64_MAX), "9223.4 PB");
  EXPECT_EQ(BytesOf(5, 0), "5 B");
  EXPECT_EQ(BytesOf(500, 2000), "500 B of 2.0 KB (25 %)");
}

TEST(Format, ShowsLengthsInTwoUnitsAtMost) {
  EXPECT_EQ(Length(absl::Milliseconds(420)), "0.4 s");
  EXPECT_EQ(Length(absl::Seconds(59)), "59 s");
  EXPECT_EQ(Length(absl::Seconds(200)), "3 min 20 s");
  EXPECT_EQ(Length(absl::Minutes(125)), "2 h 5 min");
}

TEST(Format, SaysRateAndTimeLeftOnlyOnceThereIsARate) {
  EXPECT_EQ(RateAndTimeLeft(0, 100, absl::Seconds(1)), "");
  EXPECT_EQ(RateAndTimeLeft(50, 100, absl::Milliseconds(1)), "");
  EXPECT_EQ(RateAndTimeLeft(50, 100, absl::Seconds(10)), "5 B/s, 10 s left");
  EXPECT_EQ(RateAndTimeLeft(100, 100, absl::Seconds(1)), "100 B/s");
}

TEST(Format, LetsNoControlCharacterThrough) {
  EXPECT_EQ(OneLine("a\x1b[2Jb\n"), "a\\x1b[2Jb\\n");
  EXPECT_EQ(OneLine("it's caf\xc3\xa9"), "it's caf\xc3\xa9");
  EXPECT_EQ(OneLine("\xff"), "\\xff");
}

TEST(Format, ReadsInstantsAndDelays) {
  const absl::Time now = absl::FromUnixSeconds(1700000000);
  EXPECT_EQ(*model::FromProto("t", *ParseWhen("--offer-after", "+90m", now)),
            now + absl::Minutes(90));
  EXPECT_EQ(*model::FromProto("t", *ParseWhen("--offer-after", "2023-11-14T22:13:20Z", now)), now);
  for (const char* bad : {"", "tomorrow", "+", "+-5m", "2023-11-14", "+9999999h"}) {
    EXPECT_THAT(ParseWhen("--offer-after", bad, now), StatusIs(absl::StatusCode::kInvalidArgument))
        << bad;
  }
}

}  // namespace
}  // namespace waybill::cli
