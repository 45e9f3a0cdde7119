#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "common/config/parser.h"
#include "common/status/status_matchers.h"
#include "services/scheduler/config.h"

namespace waybill::scheduler {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

const char* const kNoEnvironment[] = {nullptr};

std::vector<std::string> Minimal() {
  return {"--site-code",    "BOS", "--job-database-uri",     "dbname=bos",
          "--tls-ca-file",  "ca",  "--tls-certificate-file", "cert",
          "--tls-key-file", "key", "--store-directory",      "/srv/store"};
}

absl::Status ParseWith(const std::vector<std::string>& more, Config& config) {
  config::Parser parser("waybill-scheduler", "test");
  DeclareConfig(parser, config);
  std::vector<std::string> arguments = Minimal();
  arguments.insert(arguments.end(), more.begin(), more.end());
  return parser.Parse(arguments, kNoEnvironment).status();
}

TEST(SchedulerConfigTest, LittleIsNeededAndTheRestHasDefaults) {
  Config config;
  ASSERT_THAT(ParseWith({}, config), IsOk());
  EXPECT_EQ(config.service.site_code, "BOS");
  EXPECT_EQ(config.parent_site_code, "");
  EXPECT_EQ(config.poll_interval, absl::Seconds(60));
  EXPECT_EQ(config.lease_duration, absl::Seconds(15));
  EXPECT_EQ(config.job_database.wait_max, absl::Minutes(1));
}

TEST(SchedulerConfigTest, AParentAndSourceFoldersAreRead) {
  Config config;
  ASSERT_THAT(ParseWith({"--parent-site", "CEN", "--parent-endpoint", "cen:7000",
                         "--source-directory", "/src/a", "--source-directory", "/src/b"},
                        config),
              IsOk());
  EXPECT_EQ(config.parent_site_code, "CEN");
  EXPECT_EQ(config.parent_endpoint, "cen:7000");
  EXPECT_THAT(config.source_directories, ElementsAre("/src/a", "/src/b"));
}

TEST(SchedulerConfigTest, WhatIsWrongIsRefusedByName) {
  struct Case {
    std::vector<std::string> arguments;
    const char* name;
  };
  const std::vector<Case> cases = {
      {{"--parent-site", "CEN"}, "parent-endpoint"},
      {{"--parent-endpoint", "cen:7000"}, "parent-site"},
      {{"--parent-site", "BOS", "--parent-endpoint", "bos:7000"}, "parent-site"},
      {{"--parent-site", "cen", "--parent-endpoint", "cen:7000"}, "parent-site"},
      {{"--parent-site", "CEN", "--parent-endpoint", "cen:99999"}, "parent-endpoint"},
      {{"--source-directory", "src"}, "source-directory"},
      {{"--source-directory", "/src/../etc"}, "source-directory"},
      {{"--poll-interval", "0s"}, "poll-interval"},
      {{"--lease", "0s"}, "lease"},
      {{"--call-threads", "0"}, "call-threads"},
      {{"--streams-max", "-1"}, "streams-max"},
      {{"--streams-max", "99999999999"}, "streams-max"},
      {{"--unknown", "x"}, "unknown"},
  };
  for (const Case& one : cases) {
    Config config;
    const absl::Status status = ParseWith(one.arguments, config);
    EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument)) << one.arguments.back();
    EXPECT_THAT(std::string(status.message()), HasSubstr(one.name));
  }
}

TEST(SchedulerConfigTest, TheStoreIsAnAbsolutePath) {
  Config config;
  config::Parser parser("waybill-scheduler", "test");
  DeclareConfig(parser, config);
  std::vector<std::string> arguments = Minimal();
  arguments.back() = "store";
  const absl::Status status = parser.Parse(arguments, kNoEnvironment).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("store-directory"));
}

TEST(SchedulerConfigTest, MigrateNeedsTheDatabaseOnly) {
  Config config;
  config::Parser parser("waybill-scheduler", "test");
  AddMigrateOptions(parser, config);
  ASSERT_THAT(parser.Parse({"migrate", "--job-database-uri", "dbname=bos"}, kNoEnvironment),
              IsOk());
  EXPECT_EQ(parser.subcommand(), "migrate");
  EXPECT_EQ(config.job_database.uri, "dbname=bos");
}

}  // namespace
}  // namespace waybill::scheduler
