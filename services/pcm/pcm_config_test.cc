#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/config/parser.h"
#include "common/status/status_matchers.h"
#include "services/pcm/config.h"

namespace waybill::pcm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::Status ParseInto(Config& config, std::vector<std::string> arguments) {
  config::Parser parser("waybill-pcm", "test");
  DeclareConfig(parser, config);
  const char* const environment[] = {nullptr};
  for (const char* always : {"--server", "nyc:7000", "--tls-ca-file", "/ca.pem",
                             "--state-directory", "/var/lib/waybill-pcm"}) {
    arguments.emplace_back(always);
  }
  return parser.Parse(arguments, environment).status();
}

const std::vector<std::string> kOwn = {"--tls-certificate-file", "/c.pem", "--tls-key-file",
                                       "/c.key"};

std::vector<std::string> With(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), kOwn.begin(), kOwn.end());
  return arguments;
}

TEST(PcmConfigTest, TakesExactlyOneMode) {
  for (const char* mode : {"--once", "--service", "--list"}) {
    Config config;
    EXPECT_THAT(ParseInto(config, With({mode})), IsOk()) << mode;
  }
  Config config;
  EXPECT_THAT(ParseInto(config, With({})), StatusIs(absl::StatusCode::kInvalidArgument));
  Config both;
  const absl::Status status = ParseInto(both, With({"--once", "--service"}));
  EXPECT_THAT(std::string(status.message()), HasSubstr("exactly one of --once"));
}

TEST(PcmConfigTest, AWorkstationNeedsItsCertificateAndASimulationItsIdentities) {
  Config config;
  EXPECT_THAT(std::string(ParseInto(config, {"--once"}).message()),
              HasSubstr("--tls-certificate-file"));
  Config simulated;
  EXPECT_THAT(std::string(ParseInto(simulated, {"--simulate", "8"}).message()),
              HasSubstr("--identities"));
  Config good;
  EXPECT_THAT(ParseInto(good, {"--simulate", "8", "--identities", "/certs"}), IsOk());
  EXPECT_EQ(good.simulate, 8);
}

TEST(PcmConfigTest, AcceptsJobsByTheirIds) {
  Config config;
  EXPECT_THAT(ParseInto(config, With({"--once", "--accept", "CEN00042", "--accept", "CEN00043"})),
              IsOk());
  EXPECT_THAT(config.accepted_job_ids, ElementsAre("CEN00042", "CEN00043"));
  Config bad;
  EXPECT_THAT(std::string(ParseInto(bad, With({"--once", "--accept", "all"})).message()),
              HasSubstr("--accept"));
}

TEST(PcmConfigTest, BoundsHowLongASiteOrAServerIsWaitedFor) {
  Config config;
  EXPECT_THAT(ParseInto(config, With({"--once"})), IsOk());
  EXPECT_EQ(config.poll_interval, absl::Seconds(60));
  EXPECT_EQ(config.fetch_wait_max, absl::Minutes(10));
  EXPECT_THAT(
      ParseInto(config, With({"--once", "--poll-interval", "5s", "--fetch-wait-max", "1h"})),
      IsOk());
  EXPECT_EQ(config.poll_interval, absl::Seconds(5));
  EXPECT_EQ(config.fetch_wait_max, absl::Hours(1));
  for (const char* name : {"--poll-interval", "--fetch-wait-max"}) {
    Config zero;
    EXPECT_THAT(std::string(ParseInto(zero, With({"--once", name, "0s"})).message()),
                HasSubstr(name + 2))
        << "zero is not unlimited";
  }
}

TEST(PcmConfigTest, ChecksSiteAndSmsId) {
  Config config;
  EXPECT_THAT(ParseInto(config, With({"--once", "--site", "NYC", "--sms-id", "NYC00017"})), IsOk());
  Config bad_site;
  EXPECT_FALSE(ParseInto(bad_site, With({"--once", "--site", "nyc"})).ok());
  Config bad_id;
  EXPECT_FALSE(ParseInto(bad_id, With({"--once", "--sms-id", "../x"})).ok());
}

}  // namespace
}  // namespace waybill::pcm
