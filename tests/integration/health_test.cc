// `waybill health`: what a container's health check or a monitor runs beside a service.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "common/config/tls_files.h"
#include "tests/harness/certificates.h"
#include "tests/harness/hierarchy.h"
#include "tests/harness/service.h"
#include "tests/harness/shell.h"

namespace waybill::harness {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class HealthTest : public testing::Test {
 protected:
  void TearDown() override { hierarchy_.PrintLogsIfFailed(); }

  // Asks each of these listeners of `service`, with the certificate of the service `name`.
  static Said Ask(const Service& service, const std::vector<std::string>& listeners,
                  const std::string& name) {
    const config::TlsFiles tls = Certificates::OfThisProgram().OfService("CEN", name);
    std::vector<std::string> words = {ProgramPath("waybill"),   "health",
                                      "--tls-ca-file",          tls.ca_file,
                                      "--tls-certificate-file", tls.certificate_file,
                                      "--tls-key-file",         tls.key_file};
    for (const std::string& listener : listeners) {
      words.push_back(absl::StrCat("127.0.0.1:", service.port(listener)));
    }
    return RunProgram(words);
  }

  Hierarchy hierarchy_{{.sites = {"CEN"}}};
  Site& site_ = hierarchy_.site("CEN");
};

TEST_F(HealthTest, IsSaidByEveryListenerOfEveryService) {
  EXPECT_EQ(Ask(site_.scheduler(), {"admin", "sites"}, "scheduler").exit_code, 0);
  EXPECT_EQ(Ask(site_.sender(), {"admin"}, "sender").exit_code, 0);
  EXPECT_EQ(Ask(site_.despooler(), {"sites"}, "despooler").exit_code, 0);
  EXPECT_EQ(Ask(site_.pcm_manager(), {"workstations"}, "pcm-manager").exit_code, 0);
}

TEST_F(HealthTest, IsNotSaidByAServiceThatStandsStillOrIsGone) {
  site_.sender().Stop();
  const Said stopped = Ask(site_.sender(), {"admin"}, "sender");
  EXPECT_EQ(stopped.exit_code, 1);
  EXPECT_THAT(stopped.output, HasSubstr("does not serve"));
  site_.sender().Continue();
  EXPECT_EQ(Ask(site_.sender(), {"admin"}, "sender").exit_code, 0);
  site_.sender().Kill9();
  EXPECT_EQ(Ask(site_.sender(), {"admin"}, "sender").exit_code, 1);
}

// Another service at the address must not pass for this one.
TEST_F(HealthTest, IsBelievedOnlyOfTheServiceThatTheCertificateNames) {
  const Said other = Ask(site_.scheduler(), {"admin"}, "sender");
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_THAT(other.output, HasSubstr("does not serve"));
}

TEST_F(HealthTest, NamesTheListenersThatDoNotServe) {
  const config::TlsFiles tls = Certificates::OfThisProgram().OfService("CEN", "scheduler");
  const std::string good = absl::StrCat("127.0.0.1:", site_.scheduler().port("admin"));
  const Said said = RunProgram({ProgramPath("waybill"), "health", good, "127.0.0.1:1",
                                "--tls-ca-file", tls.ca_file, "--tls-certificate-file",
                                tls.certificate_file, "--tls-key-file", tls.key_file});
  EXPECT_EQ(said.exit_code, 1);
  EXPECT_THAT(said.output,
              AllOf(HasSubstr(good + " serves"), HasSubstr("127.0.0.1:1 does not serve"),
                    Not(HasSubstr(good + " does not"))));
}

TEST_F(HealthTest, NeedsACertificate) {
  const Said said = RunProgram({ProgramPath("waybill"), "health", "127.0.0.1:1"});
  EXPECT_EQ(said.exit_code, 2);
  EXPECT_THAT(said.output, HasSubstr("--tls-ca-file"));
}

}  // namespace
}  // namespace waybill::harness
