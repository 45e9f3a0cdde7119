#include "services/scheduler/activation_loop.h"

#include <atomic>
#include <functional>
#include <latch>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/model/proto_time.h"
#include "common/status/status_matchers.h"
#include "common/thread/mutex.h"
#include "services/scheduler/job_progress_store.h"
#include "services/scheduler/job_store.h"
#include "services/scheduler/site_fixture_test.h"

#include "waybill/job/v1/job.pb.h"

namespace waybill::scheduler {
namespace {

using job::v1::Job;
using job::v1::JobSpec;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

using Import = ActivationLoop::Import;

// The site holds no version of its package yet, and can import one.
class ActivationLoopTest : public testing::Test {
 protected:
  ActivationLoopTest() { site_.AddWorkstations(); }

  std::string Submit(const JobSpec& spec) {
    const auto job = jobs_.Submit(std::to_string(++requests_), spec);
    EXPECT_THAT(job, IsOk());
    return job.ok() ? job->job_id() : "";
  }

  // Runs one pass, and the import it begins, of a Scheduler whose imports are done by `import`.
  absl::StatusOr<absl::Duration> RunOnce(Import import) {
    ActivationLoop loop(store_, std::move(import), Notify(), {});
    const absl::StatusOr<absl::Duration> next = loop.RunOnce();
    loop.AwaitImports();
    return next;
  }

  // Called by the pass and by imports.
  std::function<void(absl::string_view)> Notify() {
    return [this](absl::string_view channel) {
      const MutexLock lock(mutex_);
      woken_.emplace_back(channel);
    };
  }

  // Adds a version as an import does.
  Import ImportOf(char digit) {
    return [this, digit](const std::string& package_id, const std::function<bool()>& cancelled) {
      ++imports_;
      EXPECT_FALSE(cancelled());
      site_.AddVersion(digit, package_id);
      return SiteFixture::Version(digit);
    };
  }

  Import FailingImport(absl::Status status) {
    return
        [this, status = std::move(status)](
            const auto& /*package_id*/, const auto& /*cancelled*/) -> absl::StatusOr<std::string> {
          ++imports_;
          return status;
        };
  }

  Job Get(const std::string& job_id) { return jobs_.Get(job_id).value(); }

  std::string Sends() const {
    return site_.Joined("SELECT job_id || site_code FROM waybill.send_request ORDER BY 1");
  }

  SiteFixture site_;
  JobStore jobs_{*site_.database};
  JobProgressStore store_{*site_.database};
  int requests_ = 0;
  int imports_ = 0;
  Mutex mutex_;
  std::vector<std::string> woken_;
};

TEST_F(ActivationLoopTest, NothingIsDoneWhileNothingIsDue) {
  EXPECT_EQ(*RunOnce(ImportOf('a')), absl::InfiniteDuration());
  JobSpec later = ShareSpec({"NYC"});
  *later.mutable_start_after() = model::ToProto(absl::FromUnixSeconds(4'000'000'000));
  *later.mutable_deadline() = model::ToProto(absl::FromUnixSeconds(4'000'001'000));
  Submit(later);
  const absl::StatusOr<absl::Duration> next = RunOnce(ImportOf('a'));
  ASSERT_THAT(next, IsOk());
  EXPECT_GT(*next, absl::Hours(1));
  EXPECT_LT(*next, absl::InfiniteDuration());
  EXPECT_EQ(imports_, 0);
  EXPECT_THAT(woken_, IsEmpty());
}

TEST_F(ActivationLoopTest, AJobTakesTheNewestVersionThatIsHere) {
  site_.AddVersion('a');
  site_.AddVersion('b');
  const std::string job_id = Submit(RunSpec("NYC|*|*"));
  EXPECT_EQ(*RunOnce(ImportOf('c')), absl::ZeroDuration());
  EXPECT_EQ(imports_, 0);
  EXPECT_EQ(Get(job_id).state(), job::v1::JOB_STATE_ACTIVE);
  EXPECT_EQ(Get(job_id).spec().version(), SiteFixture::Version('b'));
  EXPECT_EQ(Sends(), "CEN00001NYC");
  EXPECT_THAT(woken_, ElementsAre("waybill_send", "waybill_job"));
}

TEST_F(ActivationLoopTest, AVersionThatWasNamedStays) {
  site_.AddVersion('a');
  site_.AddVersion('b');
  JobSpec spec = ShareSpec({"NYC"});
  spec.set_version(SiteFixture::Version('a'));
  const std::string job_id = Submit(spec);
  ASSERT_THAT(RunOnce(ImportOf('c')), IsOk());
  EXPECT_EQ(imports_, 0);
  EXPECT_EQ(Get(job_id).spec().version(), SiteFixture::Version('a'));
}

TEST_F(ActivationLoopTest, TheFirstJobOfAPackageImportsIt) {
  const std::string job_id = Submit(ShareSpec({"NYC"}));
  ASSERT_THAT(RunOnce(ImportOf('a')), IsOk());
  EXPECT_EQ(imports_, 1);
  EXPECT_EQ(Get(job_id).state(), job::v1::JOB_STATE_ACTIVE);
  EXPECT_EQ(Get(job_id).spec().version(), SiteFixture::Version('a'));
}

TEST_F(ActivationLoopTest, EvenIfSentTakesASnapshotAtActivation) {
  site_.AddVersion('a');
  JobSpec spec = ShareSpec({"NYC"});
  spec.set_send_phase(job::v1::SEND_PHASE_EVEN_IF_SENT);
  const std::string job_id = Submit(spec);
  ASSERT_THAT(RunOnce(ImportOf('b')), IsOk());
  EXPECT_EQ(imports_, 1);
  EXPECT_EQ(Get(job_id).spec().version(), SiteFixture::Version('b'));
}

TEST_F(ActivationLoopTest, ARemoveJobOfEveryVersionBindsNone) {
  site_.AddVersion('a');
  const std::string job_id = Submit(RemoveSpec({"CEN"}));
  ASSERT_THAT(RunOnce(ImportOf('b')), IsOk());
  EXPECT_EQ(imports_, 0);
  EXPECT_EQ(Get(job_id).state(), job::v1::JOB_STATE_ACTIVE);
  EXPECT_EQ(Get(job_id).spec().version(), "");
}

TEST_F(ActivationLoopTest, AJobThatSendsNothingDoesNotImport) {
  JobSpec spec = ShareSpec({"NYC"});
  spec.set_send_phase(job::v1::SEND_PHASE_OFF);
  const std::string job_id = Submit(spec);
  ASSERT_THAT(RunOnce(ImportOf('a')), IsOk());
  EXPECT_EQ(imports_, 0);
  EXPECT_EQ(Get(job_id).state(), job::v1::JOB_STATE_FAILED);
  EXPECT_THAT(Get(job_id).reason(), StartsWith("VERSION_NOT_AT_SITE: "));
  EXPECT_THAT(woken_, ElementsAre("waybill_job"));
}

TEST_F(ActivationLoopTest, WithNeitherVersionNorSourceTheJobFails) {
  const std::string job_id = Submit(ShareSpec({"NYC"}));
  site_.db.Execute("UPDATE waybill.package SET source_directory = ''");
  ASSERT_THAT(RunOnce(ImportOf('a')), IsOk());
  EXPECT_EQ(imports_, 0);
  EXPECT_EQ(Get(job_id).state(), job::v1::JOB_STATE_FAILED);
  EXPECT_THAT(Get(job_id).reason(), StartsWith("VERSION_NOT_AT_SITE: "));
}

TEST_F(ActivationLoopTest, AnImportThatCannotRunNowIsTriedAgain) {
  const absl::Status transient[] = {
      absl::AbortedError("busy"), absl::UnavailableError("busy"), absl::UnknownError("busy"),
      absl::ResourceExhaustedError("busy"), absl::DeadlineExceededError("busy")};
  const std::string job_id = Submit(ShareSpec({"NYC"}));
  for (const absl::Status& status : transient) {
    ASSERT_THAT(RunOnce(FailingImport(status)), IsOk());
    EXPECT_EQ(Get(job_id).state(), job::v1::JOB_STATE_PENDING) << status;
    EXPECT_EQ(Get(job_id).reason(), "IMPORT_FAILED: will be tried again: busy") << status;
    const absl::StatusOr<absl::Duration> next = RunOnce(FailingImport(status));
    ASSERT_THAT(next, IsOk());
    EXPECT_GT(*next, absl::Seconds(15)) << "it was delayed, not left claimed";
    site_.db.Execute("UPDATE waybill.job SET lease_end_time = now()");
  }
  EXPECT_EQ(imports_, 5);
  ASSERT_THAT(RunOnce(ImportOf('a')), IsOk());
  EXPECT_EQ(Get(job_id).state(), job::v1::JOB_STATE_ACTIVE);
  EXPECT_EQ(Get(job_id).reason(), "");
}

TEST_F(ActivationLoopTest, AnImportThatCannotRunUntilTheDeadlineFailsTheJob) {
  const std::string job_id = Submit(ShareSpec({"NYC"}));
  site_.db.Execute("UPDATE waybill.job SET deadline = now()");
  ASSERT_THAT(RunOnce(FailingImport(absl::AbortedError("busy"))), IsOk());
  EXPECT_EQ(imports_, 1) << "it had its chance";
  EXPECT_EQ(Get(job_id).state(), job::v1::JOB_STATE_FAILED);
  EXPECT_EQ(Get(job_id).reason(),
            "DEADLINE_PASSED: before it could be activated: IMPORT_FAILED: will be tried again: "
            "busy");
  EXPECT_THAT(woken_, ElementsAre("waybill_job"));
}

TEST_F(ActivationLoopTest, OtherJobsAreActivatedWhileImportsRun) {
  std::latch begun(2);
  std::latch go_on(1);
  const Import import = [&](const std::string& package_id, const auto& /*cancelled*/) {
    begun.count_down();
    go_on.wait();
    site_.AddVersion('a', package_id);
    return absl::StatusOr<std::string>(SiteFixture::Version('a'));
  };
  site_.db.Execute(
      "INSERT INTO waybill.package (package_id, request_id, name, source_directory) VALUES"
      " ('CEN00002', 'p2', 'mail', '/src/mail'), ('CEN00003', 'p3', 'draw', '/src/draw')");
  site_.AddVersion('c', "CEN00003");
  const std::string first = Submit(ShareSpec({"NYC"}));
  JobSpec spec = ShareSpec({"NYC"});
  spec.set_package_id("CEN00002");
  const std::string second = Submit(spec);
  const std::string third = Submit(spec);
  spec.set_package_id("CEN00003");
  const std::string ready = Submit(spec);
  ActivationLoop loop(store_, import, Notify(), {});
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(*loop.RunOnce(), absl::ZeroDuration());
  }
  begun.wait();
  EXPECT_EQ(Get(ready).state(), job::v1::JOB_STATE_ACTIVE);
  EXPECT_EQ(Get(first).state(), job::v1::JOB_STATE_PENDING);
  EXPECT_THAT(Get(third).reason(), StartsWith("IMPORT_WAITS: "));
  go_on.count_down();
  loop.AwaitImports();
  EXPECT_EQ(Get(first).state(), job::v1::JOB_STATE_ACTIVE);
  EXPECT_EQ(Get(second).state(), job::v1::JOB_STATE_ACTIVE);
  site_.db.Execute("UPDATE waybill.job SET lease_end_time = now()");
  ASSERT_THAT(loop.RunOnce(), IsOk());
  loop.AwaitImports();
  EXPECT_EQ(Get(third).state(), job::v1::JOB_STATE_ACTIVE);
}

TEST_F(ActivationLoopTest, AnImportThatIsRefusedFailsTheJob) {
  for (const absl::Status& status :
       {absl::FailedPreconditionError("no such directory"), absl::InvalidArgumentError("a socket"),
        absl::NotFoundError("gone"), absl::DataLossError("unreadable")}) {
    const std::string job_id = Submit(ShareSpec({"NYC"}));
    ASSERT_THAT(RunOnce(FailingImport(status)), IsOk());
    EXPECT_EQ(Get(job_id).state(), job::v1::JOB_STATE_FAILED) << status;
    EXPECT_EQ(Get(job_id).reason(), "IMPORT_FAILED: " + std::string(status.message()));
  }
  EXPECT_EQ(Sends(), "");
}

TEST_F(ActivationLoopTest, AnImportThatWasToldToEndLeavesTheJobToTheNext) {
  const std::string job_id = Submit(ShareSpec({"NYC"}));
  ASSERT_THAT(RunOnce(FailingImport(absl::CancelledError("stopping"))), IsOk());
  EXPECT_EQ(Get(job_id).state(), job::v1::JOB_STATE_PENDING);
  EXPECT_EQ(Get(job_id).reason(), "");
  ASSERT_THAT(RunOnce(ImportOf('a')), IsOk()) << "at once";
  EXPECT_EQ(Get(job_id).state(), job::v1::JOB_STATE_ACTIVE);
}

TEST_F(ActivationLoopTest, AnEmptyTargetFailsTheJob) {
  site_.AddVersion('a');
  const std::string job_id = Submit(RunSpec("NYC|NOBODY|*"));
  ASSERT_THAT(RunOnce(ImportOf('b')), IsOk());
  EXPECT_EQ(Get(job_id).state(), job::v1::JOB_STATE_FAILED);
  EXPECT_THAT(Get(job_id).reason(), StartsWith("EMPTY_TARGET: "));
}

TEST_F(ActivationLoopTest, AJobThatIsCancelledWhileItsPackageIsImportedIsNotActivated) {
  const std::string job_id = Submit(ShareSpec({"NYC"}));
  ASSERT_THAT(RunOnce([&](const std::string& package_id, const std::function<bool()>& cancelled) {
                EXPECT_THAT(jobs_.Cancel(job_id, "CANCELLED: x"), IsOk());
                site_.AddVersion('a', package_id);
                (void)cancelled();
                return absl::StatusOr<std::string>(SiteFixture::Version('a'));
              }),
              IsOk());
  EXPECT_EQ(Get(job_id).state(), job::v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(Get(job_id).reason(), "CANCELLED: x");
  EXPECT_EQ(Sends(), "");
  EXPECT_THAT(woken_, IsEmpty());
}

// Works until it is told to end.
absl::StatusOr<std::string> WorkUntil(const std::function<bool()>& cancelled) {
  while (!cancelled()) {
    std::this_thread::yield();
  }
  return absl::CancelledError("told to end");
}

TEST_F(ActivationLoopTest, TheLeaseIsRenewedWhileAnImportRuns) {
  const std::string job_id = Submit(ShareSpec({"NYC"}));
  const Import import = [&](const auto& package_id, const auto& /*cancelled*/) {
    const std::string lease = "SELECT lease_end_time FROM waybill.job";
    const std::string claimed = site_.Text(lease);
    while (site_.Text(lease) == claimed) {
      std::this_thread::yield();
    }
    site_.AddVersion('a', package_id);
    return SiteFixture::Version('a');
  };
  ActivationLoop loop(store_, import, Notify(), {.lease = absl::Milliseconds(300)});
  ASSERT_THAT(loop.RunOnce(), IsOk());
  loop.AwaitImports();
  EXPECT_EQ(Get(job_id).state(), job::v1::JOB_STATE_ACTIVE);
}

TEST_F(ActivationLoopTest, AnImportEndsOnceAnotherSchedulerHasTheJob) {
  const std::string job_id = Submit(ShareSpec({"NYC"}));
  const Import import = [&](const auto& /*package_id*/, const auto& cancelled) {
    site_.db.Execute("UPDATE waybill.job SET fence = fence + 1");
    return WorkUntil(cancelled);
  };
  ActivationLoop loop(store_, import, Notify(), {.lease = absl::Milliseconds(30)});
  EXPECT_THAT(loop.RunOnce(), IsOk());
  loop.AwaitImports();
  EXPECT_EQ(Get(job_id).state(), job::v1::JOB_STATE_PENDING) << "the other one goes on";
  EXPECT_EQ(site_.Text("SELECT fence FROM waybill.job"), "2");
  EXPECT_THAT(woken_, IsEmpty());
}

TEST_F(ActivationLoopTest, StoppingEndsAnImportAndLeavesTheJobToTheNext) {
  const std::string job_id = Submit(ShareSpec({"NYC"}));
  std::latch begun(1);
  const Import import = [&](const auto& /*package_id*/, const auto& cancelled) {
    begun.count_down();
    return WorkUntil(cancelled);
  };
  ActivationLoop loop(store_, import, Notify(), {});
  loop.Start();
  begun.wait();
  loop.Stop();
  EXPECT_EQ(Get(job_id).state(), job::v1::JOB_STATE_PENDING);
  ASSERT_THAT(RunOnce(ImportOf('a')), IsOk()) << "at once";
  EXPECT_EQ(Get(job_id).state(), job::v1::JOB_STATE_ACTIVE);
}

TEST_F(ActivationLoopTest, TwoSchedulersActivateEachJobOnce) {
  site_.AddVersion('a');
  constexpr int kJobs = 12;
  for (int i = 0; i < kJobs; ++i) {
    Submit(ShareSpec({"NYC", "BOS"}));
  }
  std::atomic<int> activated = 0;
  const auto run = [&] {
    ActivationLoop loop(
        store_, [](const auto&, const auto&) { return absl::InternalError("no import"); },
        [&](absl::string_view channel) { activated += channel == "waybill_send" ? 1 : 0; }, {});
    absl::StatusOr<absl::Duration> next;
    do {
      next = loop.RunOnce();
      EXPECT_THAT(next, IsOk());
    } while (next.ok() && *next == absl::ZeroDuration());
  };
  std::thread other(run);
  run();
  other.join();
  EXPECT_EQ(activated, kJobs);
  EXPECT_EQ(site_.Text("SELECT count(*) FROM waybill.job WHERE state = 2"), "12");
  EXPECT_EQ(site_.Text("SELECT count(*) FROM waybill.send_request"), "24");
}

}  // namespace
}  // namespace waybill::scheduler
