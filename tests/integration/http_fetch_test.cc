// A distribution server as it is deployed: a web server shows its share, and workstations fetch
// from there; the mounted directory is what is left when it is away.

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "tests/harness/call.h"
#include "tests/harness/eventually.h"
#include "tests/harness/hierarchy.h"
#include "tests/harness/nginx.h"
#include "tests/harness/tree.h"

namespace waybill::harness {
namespace {

using testing::Contains;
using testing::Each;
using testing::EndsWith;
using testing::Field;
using testing::StartsWith;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class HttpFetchTest : public testing::Test {
 protected:
  HttpFetchTest() {
    nyc_.AddDistributionServer("DS1", {"c"}, {{"c", nginx_.url()}});
    nyc_.AddLogonServer("LS1");
    workstation_ = nyc_.AddWorkstations(1, "SALES").front();
    h_.AwaitRegistrations();
  }

  // The URL of DS1's share as the central site knows it.
  std::string UrlAtTop() {
    site::v1::GetDistributionServerRequest request;
    request.set_site_code("NYC");
    request.set_server_name("DS1");
    return MustCall<site::v1::GetDistributionServerResponse>(
               "GetDistributionServer",
               [&](auto* context, auto* response) {
                 return h_.root().sites()->GetDistributionServer(context, request, response);
               })
        .server()
        .shares(0)
        .url();
  }

  void RunEverywhere(const std::string& package_name) {
    const std::string job = h_.Submit(RunCommand(package_name).On("NYC|*|*"));
    EXPECT_TRUE(h_.Ends(job, job::v1::JOB_STATE_COMPLETE));
    EXPECT_THAT(h_.StartedOnes(), Contains(job + " " + workstation_));
  }

  Hierarchy h_ = Hierarchy({.sites = {"CEN", "NYC<CEN"}});
  Site& nyc_ = h_.site("NYC");
  Nginx nginx_ =
      Nginx({.root = nyc_.MakeShareDirectory("DS1"), .directory = h_.directory() + "/nginx"});
  std::string workstation_;
};

TEST_F(HttpFetchTest, AWorkstationFetchesFromTheWebServerAndWithoutItFromTheDirectory) {
  EXPECT_EQ(UrlAtTop(), nginx_.url());
  h_.MakeAndImport("tools");
  nyc_.StartAgent(workstation_);
  RunEverywhere("tools");

  const std::vector<Nginx::Request> requests = nginx_.Requests();
  const std::string package = absl::StrCat("/SMS_PKGC/", nyc_.PackageId("tools"), "/");
  EXPECT_THAT(requests, Each(Field(&Nginx::Request::path, StartsWith(package))));
  EXPECT_THAT(requests, Contains(Field(&Nginx::Request::path, EndsWith(".manifest"))).Times(1));
  EXPECT_THAT(requests, Contains(Field(&Nginx::Request::path, EndsWith("/record.sh"))).Times(1));
  std::int64_t file_bytes = 0;
  for (const Nginx::Request& request : requests) {
    if (request.range != "-") file_bytes += request.body_bytes;
  }
  EXPECT_EQ(file_bytes, BytesBeneath(h_.root().SourceOf("tools"))) << "each byte came over HTTP";

  nginx_.Kill9();
  h_.MakeAndImport("more", {.seed = 2});
  RunEverywhere("more");
}

TEST_F(HttpFetchTest, AnOfferThatIsOutGetsAndLosesTheUrlWithItsServer) {
  h_.MakeAndImport("tools");
  h_.Submit(RunCommand("tools").On("NYC|*|*"));
  const std::string file =
      absl::StrCat(nyc_.directory(), "/logon/LS1/logon.srv/pcmins.box/", workstation_, ".ins");
  const auto says = [&](const std::string& text) {
    return Eventually(kPatience, [&] {
      const std::string bytes = ReadFile(file);
      return absl::StrContains(bytes, text) ? testing::AssertionSuccess()
                                            : testing::AssertionFailure()
                                                  << "no '" << text << "' in\n"
                                                  << bytes;
    });
  };
  ASSERT_TRUE(says(absl::StrCat("\nlocation=DS1 ", nginx_.url(), "/SMS_PKGC/")));
  nyc_.AddDistributionServer("DS1");
  EXPECT_TRUE(says("\nlocation=DS1 /"));
  nyc_.AddDistributionServer("DS1", {"c"}, {{"c", "http://ds1.nyc:8080/new"}});
  EXPECT_TRUE(says("\nlocation=DS1 http://ds1.nyc:8080/new/SMS_PKGC/"));
  EXPECT_TRUE(Eventually(kPatience, [this] {
    return UrlAtTop() == "http://ds1.nyc:8080/new" ? testing::AssertionSuccess()
                                                   : testing::AssertionFailure() << UrlAtTop();
  }));
}

}  // namespace
}  // namespace waybill::harness
