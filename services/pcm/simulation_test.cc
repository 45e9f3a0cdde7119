#include "services/pcm/simulation.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/clock/backoff.h"
#include "common/clock/clock.h"
#include "common/config/tls_files.h"
#include "common/status/status_matchers.h"
#include "common/thread/mutex.h"
#include "services/pcm/agent.h"
#include "services/pcm/config.h"
#include "services/pcm/package_cache.h"
#include "services/pcm/site_client.h"
#include "services/pcm/test_workstations.h"
#include "services/pcm/workstation_loop.h"

namespace waybill::pcm {
namespace {

using ::testing::HasSubstr;

double Random() {
  return 0.01;
}

class SimulationTest : public testing::Test {
 protected:
  // A workstation that is registered, has a certificate in the directory of identities, and is
  // offered the job.
  config::TlsFiles AddWorkstation(const std::string& sms_id) {
    world_.site().AddWorkstation(sms_id);
    config::TlsFiles files = world_.certificates().Issue(TestWorkstations::IdentityOf(sms_id));
    for (const auto& [from, suffix] :
         {std::pair{files.certificate_file, ".pem"}, std::pair{files.key_file, ".key"}}) {
      const std::string to = absl::StrCat("identities/", sms_id, suffix);
      EXPECT_TRUE(root_.WriteFile(to, ReadAll(from)).ok());
    }
    return files;
  }

  static std::string ReadAll(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const tree::Directory directory = tree::Directory::Open(path.substr(0, slash)).value();
    return directory.ReadFile(path.substr(slash + 1), 1 << 20).value();
  }

  Config MakeConfig(int count) const {
    Config config;
    config.simulate = count;
    config.server = world_.address();
    config.tls.ca_file = ca_file_;
    config.identities_directory = world_.site().Path("identities");
    config.state_directory = world_.site().Path("states");
    config.cache_directory = world_.site().Path("cache");
    config.poll_threads = 2;
    return config;
  }

  // Waits until `done`; the test's own time limit ends it otherwise.
  static void Await(const std::function<bool()>& done) {
    Mutex mutex;
    CondVar changed;
    const MutexLock lock(mutex);
    while (!done()) changed.WaitFor(mutex, absl::Milliseconds(20));
  }

  mutable TestWorkstations world_;
  const tree::Directory root_ = tree::Directory::Open(world_.site().Path("")).value();
  const tree::Directory identities_ = root_.MakeDirectories("identities").value();
  const std::string ca_file_ = world_.certificates().ca_file();
};

TEST_F(SimulationTest, ManyWorkstationsPollAndRunOnceEach) {
  int number = 0;
  world_.site().AddJob("CEN00042");
  for (const char* sms_id : {"NYC00001", "NYC00002", "NYC00003"}) {
    AddWorkstation(sms_id);
    world_.site().AddTarget("CEN00042", sms_id, 2);
    model::Offer offer = world_.share().MakeOffer("CEN00042", {"run.sh", world_.LinesPath()},
                                                  world_.locations(), absl::UnixEpoch());
    offer.mandatory_after = absl::UnixEpoch();
    world_.site().WriteDefinition(sms_id, ++number, {offer});
  }
  ASSERT_THAT(world_.Replicate(), IsOk());
  const std::unique_ptr<Simulation> simulation = Simulation::Open(MakeConfig(3), Random).value();
  std::thread runner([&simulation] { simulation->Run(); });
  Await([&] { return simulation->runs() == 3 && simulation->polls() > 6; });
  simulation->Stop();
  runner.join();
  EXPECT_EQ(world_.CountLines("CEN00042"), 3);
  for (const char* sms_id : {"NYC00001", "NYC00002", "NYC00003"}) {
    EXPECT_EQ(world_.State("CEN00042", sms_id), "5");
  }
}

TEST_F(SimulationTest, ASiteThatIsAwayIsAskedMoreSeldomUpToThePollInterval) {
  const clock::BackoffLimits usual = SiteRetry(absl::Seconds(60));
  EXPECT_EQ(clock::BackoffDelay(usual, 1, 1.0), absl::Seconds(1));
  EXPECT_EQ(clock::BackoffDelay(usual, 100, 1.0), absl::Seconds(60));
  const clock::BackoffLimits quick = SiteRetry(absl::Milliseconds(50));
  EXPECT_EQ(clock::BackoffDelay(quick, 1, 1.0), absl::Milliseconds(50));
}

TEST_F(SimulationTest, NeedsAsManyIdentitiesAsWorkstations) {
  AddWorkstation("NYC00001");
  const auto simulation = Simulation::Open(MakeConfig(2), Random);
  EXPECT_THAT(simulation, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(std::string(simulation.status().message()), HasSubstr("has 1 certificates, 2"));
}

TEST_F(SimulationTest, AServicePollsWhileACommandRunsAndAStopEndsThatCommand) {
  const auto tls = rpc::TlsIdentity::Load(AddWorkstation("NYC00001")).value();
  model::Offer& offer = world_.AddOffer("CEN00042", "NYC00001");
  offer.arguments = {"/bin/sleep", "600"};
  offer.time_limit = absl::Hours(1);
  world_.Offer("NYC00001");
  const clock::RealClock clock;
  const auto site = MakeSiteClient(world_.address(), "NYC", *tls);
  PackageCache cache(root_.MakeDirectories("cache").value(), {});
  AgentOptions options;
  options.sms_id = "NYC00001";
  options.drain_max = absl::Milliseconds(1);
  const auto agent =
      Agent::Open(root_.MakeDirectories("state").value(),
                  {.site = *site, .cache = cache, .clock = clock, .random = Random}, options)
          .value();
  WorkstationLoop loop(*agent, SiteRetry(absl::Minutes(1)), Random);
  loop.Start();
  Await([&] { return world_.State("CEN00042", "NYC00001") == "4"; });
  // A later offer is seen although the first command runs.
  world_.AddOffer("CEN00043", "NYC00001");
  world_.Offer("NYC00001");
  Await([&] { return !agent->ListOffers().empty(); });
  loop.Stop();
  EXPECT_EQ(world_.State("CEN00042", "NYC00001"), "12");
  EXPECT_EQ(world_.CountLines("CEN00043"), 0);
}

TEST_F(SimulationTest, AServiceThatStartsBeforeItsSiteRunsWhatIsOfferedLater) {
  const auto tls = rpc::TlsIdentity::Load(AddWorkstation("NYC00001")).value();
  const std::string address = world_.address();
  world_.StopServer();
  const clock::RealClock clock;
  const auto site = MakeSiteClient(address, "NYC", *tls);
  PackageCache cache(root_.MakeDirectories("cache").value(), {});
  AgentOptions options;
  options.sms_id = "NYC00001";
  const auto agent =
      Agent::Open(root_.MakeDirectories("state").value(),
                  {.site = *site, .cache = cache, .clock = clock, .random = Random}, options)
          .value();
  WorkstationLoop loop(*agent, SiteRetry(absl::Minutes(1)), Random);
  loop.Start();
  world_.AddOffer("CEN00042", "NYC00001");
  world_.Offer("NYC00001");
  world_.StartServer();
  Await([&] { return world_.State("CEN00042", "NYC00001") == "5"; });
  loop.Stop();
  EXPECT_EQ(world_.CountLines("CEN00042"), 1);
}

}  // namespace
}  // namespace waybill::pcm
