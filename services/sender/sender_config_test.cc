#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/parser.h"
#include "common/status/status_matchers.h"
#include "services/sender/config.h"

namespace waybill::sender {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<std::string> Parse(Config& config, std::vector<std::string> more) {
  config::Parser parser("waybill-sender", "");
  DeclareConfig(parser, config);
  std::vector<std::string> arguments = {"--site-code",
                                        "CEN",
                                        "--job-database-uri",
                                        "postgres:///x",
                                        "--tls-ca-file",
                                        "/a",
                                        "--tls-key-file",
                                        "/b",
                                        "--tls-certificate-file",
                                        "/c",
                                        "--store-directory",
                                        "/s"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const char* const environment[] = {nullptr};
  return parser.Parse(arguments, environment);
}

TEST(SenderConfigTest, HasTheDocumentedDefaults) {
  Config config;
  ASSERT_THAT(Parse(config, {}), IsOk());
  EXPECT_EQ(config.concurrent_sends, 5);
  EXPECT_EQ(config.retry_base, absl::Seconds(5));
  EXPECT_EQ(config.retry_max, absl::Minutes(15));
  EXPECT_EQ(config.space_retry, absl::Seconds(10));
}

TEST(SenderConfigTest, RefusesZeroAndContradictionsByName) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"--concurrent-sends", "0"},
                                                        {"--lease", "0s"},
                                                        {"--progress-max", "0s"},
                                                        {"--space-retry", "0s"},
                                                        {"--retry-base", "20m"}}) {
    Config config;
    EXPECT_THAT(std::string(Parse(config, {name, value}).status().message()),
                HasSubstr(name.substr(2)));
  }
}

}  // namespace
}  // namespace waybill::sender
