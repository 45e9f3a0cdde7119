#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/parser.h"
#include "common/status/status_matchers.h"
#include "services/despooler/config.h"

namespace waybill::despooler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

absl::StatusOr<std::string> Parse(Config& config, const std::vector<std::string>& more) {
  config::Parser parser("waybill-despooler", "");
  DeclareConfig(parser, config);
  std::vector<std::string> arguments = {"--site-code",
                                        "NYC",
                                        "--job-database-uri",
                                        "postgres:///x",
                                        "--tls-ca-file",
                                        "/a",
                                        "--tls-key-file",
                                        "/b",
                                        "--tls-certificate-file",
                                        "/c",
                                        "--store-directory",
                                        "/s",
                                        "--site-directory",
                                        "/d"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const char* const environment[] = {nullptr};
  return parser.Parse(arguments, environment);
}

TEST(DespoolerConfigTest, TakesDrivesByLetterAndHasTheDocumentedDefaults) {
  Config config;
  ASSERT_THAT(Parse(config, {"--drive", "c=/srv/c", "--drive", "d=/srv/d"}), IsOk());
  EXPECT_THAT(config.drives, ElementsAre(Pair("c", "/srv/c"), Pair("d", "/srv/d")));
  EXPECT_EQ(config.drive_reserve_bytes, 100'000'000);
  EXPECT_EQ(config.credit_bytes, 32 << 20);
}

TEST(DespoolerConfigTest, RefusesBadSettingsByName) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"--drive", "cc=/x"},
                                                        {"--drive", "C=/x"},
                                                        {"--drive", "c=x"},
                                                        {"--drive", "c="},
                                                        {"--drive", "d=/x"},
                                                        {"--credit", "0B"},
                                                        {"--transfers-max", "0"},
                                                        {"--drive-reserve", "0B"},
                                                        {"--progress-max", "0s"}}) {
    Config config;
    EXPECT_THAT(std::string(Parse(config, {"--drive", "d=/y", name, value}).status().message()),
                HasSubstr(name.substr(2)))
        << value;
  }
}

TEST(DespoolerConfigTest, NeedsADrive) {
  Config config;
  EXPECT_THAT(std::string(Parse(config, {}).status().message()), HasSubstr("drive"));
}

}  // namespace
}  // namespace waybill::despooler
