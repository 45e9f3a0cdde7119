#include "common/logging/log.h"

#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace waybill::log {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Origin kOrigin = {"scheduler", "CEN"};
const absl::Time kTime = absl::FromUnixMillis(1'714'557'600'123);

std::string Line(absl::string_view message, Fields fields) {
  return FormatLine(kTime, Level::kInfo, kOrigin, message, fields);
}

TEST(Log, WritesTheDocumentedLine) {
  EXPECT_EQ(Line("job activated", {{"job_id", 17}}),
            R"({"time":"2024-05-01T10:00:00.123Z","level":"info","service":"scheduler",)"
            R"("site_code":"CEN","msg":"job activated","job_id":17})");
}

TEST(Log, KeepsTheTypeOfEveryValue) {
  const auto line =
      nlohmann::json::parse(Line("m", {{"text", "a"},
                                       {"big", std::uint64_t{18'446'744'073'709'551'615U}},
                                       {"negative", std::int64_t{-1}},
                                       {"ratio", 0.5},
                                       {"yes", true},
                                       {"error", absl::NotFoundError("gone")},
                                       {"wait", absl::Milliseconds(1500)},
                                       {"at", kTime}}));
  EXPECT_EQ(line["text"], "a");
  EXPECT_EQ(line["big"], 18'446'744'073'709'551'615U);
  EXPECT_EQ(line["negative"], -1);
  EXPECT_EQ(line["ratio"], 0.5);
  EXPECT_EQ(line["yes"], true);
  EXPECT_EQ(line["error"], "NOT_FOUND: gone");
  EXPECT_EQ(line["wait"], "1.5s");
  EXPECT_EQ(line["at"], "2024-05-01T10:00:00.123Z");
}

TEST(Log, LetsNoTextForgeALineOrCommandATerminal) {
  const std::string line = Line("a\nb\x1b[31m\r\x7f", {{"k\"",
                                                        "\xc2\x9b"
                                                        "31m\xff\xfe"
                                                        "\0tail"}});
  for (const char c : line) {
    EXPECT_TRUE(c >= ' ' && c <= '~') << static_cast<int>(c);
  }
  EXPECT_EQ(nlohmann::json::parse(line)["msg"], "a\nb\x1b[31m\r\x7f");
}

TEST(Log, CutsALongText) {
  const auto line = nlohmann::json::parse(Line("m", {{"text", std::string(1 << 20, 'x')}}));
  EXPECT_EQ(line["text"].get<std::string>(), std::string(kTextBytesMax, 'x') + "...");
}

TEST(Log, LetsAFieldReplaceTheSiteButNotTheFixedPart) {
  const auto line =
      nlohmann::json::parse(Line("m", {{"site_code", "NYC"}, {"msg", "forged"}, {"level", "x"}}));
  EXPECT_EQ(line["site_code"], "NYC");
  EXPECT_EQ(line["msg"], "m");
  EXPECT_EQ(line["_msg"], "forged");
  EXPECT_EQ(line["level"], "info");
}

TEST(Log, KnowsItsLevelsByName) {
  Level level = Level::kInfo;
  EXPECT_TRUE(ParseLevel("warning", &level));
  EXPECT_EQ(level, Level::kWarning);
  EXPECT_FALSE(ParseLevel("Warning", &level));
  EXPECT_FALSE(ParseLevel("", &level));
}

TEST(Log, DropsLinesBelowItsLevel) {
  Init("sender", "NYC", Level::kWarning);
  ::testing::internal::CaptureStderr();
  Info("quiet");
  Warning("loud", {{"job_id", 3}});
  const std::string written = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(written, Not(HasSubstr("quiet")));
  EXPECT_THAT(written, HasSubstr(R"("service":"sender","site_code":"NYC","msg":"loud")"));
}

TEST(Log, KeepsTheLinesOfManyThreadsApart) {
  Init("sender", "NYC", Level::kInfo);
  ::testing::internal::CaptureStderr();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 100; ++i) {
        Info("line", {{"text", "abcdefghij"}});
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const std::string written = ::testing::internal::GetCapturedStderr();
  int count = 0;
  for (const absl::string_view line : absl::StrSplit(written, '\n', absl::SkipEmpty())) {
    EXPECT_EQ(nlohmann::json::parse(line.begin(), line.end())["msg"], "line");
    ++count;
  }
  EXPECT_EQ(count, 400);
}

}  // namespace
}  // namespace waybill::log
