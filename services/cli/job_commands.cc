#include <algorithm>
#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <grpcpp/client_context.h>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "common/model/states.h"
#include "common/rpc/grpc_status.h"
#include "common/status/status_macros.h"
#include "services/cli/commands.h"
#include "services/cli/format.h"
#include "services/cli/job_view.h"
#include "services/cli/progress.h"
#include "services/cli/session.h"
#include "services/cli/table.h"

#include "waybill/job/v1/job_service.grpc.pb.h"

namespace waybill::cli {
namespace {

using job::v1::Job;
using job::v1::JobService;

constexpr int kJobsPageMax = 1000;  // The protocol's limit for a page.
constexpr int kJobsListedMax = 1'000'000;

absl::StatusOr<std::unique_ptr<JobService::Stub>> Stub(Session& session) {
  WAYBILL_ASSIGN_OR_RETURN(const auto channel, session.Scheduler());
  return JobService::NewStub(channel);
}

ExitCode CodeOf(const Job& job) {
  switch (job.state()) {
    case job::v1::JOB_STATE_FAILED:
      return kJobFailed;
    case job::v1::JOB_STATE_CANCELLED:
    case job::v1::JOB_STATE_CANCELLING:
      return kJobCancelled;
    default:
      return kOk;
  }
}

void PrintJob(const Session& session, const Job& job) {
  if (session.json()) {
    Session::PrintJson(job);
  } else {
    std::cout << JobDetails(job);
  }
}

absl::StatusOr<ExitCode> Get(Session& session, const std::string& job_id) {
  WAYBILL_ASSIGN_OR_RETURN(const auto stub, Stub(session));
  job::v1::GetJobRequest request;
  request.set_job_id(job_id);
  WAYBILL_ASSIGN_OR_RETURN(const auto response,
                           Call<job::v1::GetJobResponse>([&](auto* context, auto* answer) {
                             return stub->GetJob(context, request, answer);
                           }));
  PrintJob(session, response.job());
  return kOk;
}

absl::StatusOr<ExitCode> Cancel(Session& session, const std::string& job_id) {
  WAYBILL_ASSIGN_OR_RETURN(const auto stub, Stub(session));
  job::v1::CancelJobRequest request;
  request.set_job_id(job_id);
  WAYBILL_ASSIGN_OR_RETURN(const auto response,
                           Call<job::v1::CancelJobResponse>([&](auto* context, auto* answer) {
                             return stub->CancelJob(context, request, answer);
                           }));
  if (session.json()) {
    Session::PrintJson(response.job());
  } else {
    std::cout << "job " << job_id << " is " << model::ToString(response.job().state())
              << "; `waybill job watch " << job_id << "` shows when every site has confirmed\n";
  }
  return kOk;
}

// The newest `count`. The answer keeps the token when there are more.
absl::StatusOr<job::v1::ListJobsResponse> ListNewest(JobService::Stub& stub, int count) {
  job::v1::ListJobsResponse all;
  do {
    job::v1::ListJobsRequest request;
    request.set_page_size(std::min(count - all.jobs_size(), kJobsPageMax));
    request.set_page_token(all.next_page_token());
    WAYBILL_ASSIGN_OR_RETURN(const auto page,
                             Call<job::v1::ListJobsResponse>([&](auto* context, auto* answer) {
                               return stub.ListJobs(context, request, answer);
                             }));
    all.clear_next_page_token();
    all.MergeFrom(page);
  } while (all.jobs_size() < count && !all.next_page_token().empty());
  return all;
}

absl::StatusOr<ExitCode> List(Session& session, int count) {
  WAYBILL_ASSIGN_OR_RETURN(const auto stub, Stub(session));
  WAYBILL_ASSIGN_OR_RETURN(const auto response, ListNewest(*stub, count));
  if (session.json()) {
    Session::PrintJson(response);
    return kOk;
  }
  Table table({"JOB", "STATE", "TYPE", "PACKAGE", "VERSION", "SEND", "DISTRIBUTE", "RUN", "CREATED",
               "COMMENT"});
  for (const Job& job : response.jobs()) {
    table.Add({job.job_id(), model::ToString(job.state()), model::ToString(job.spec().type()),
               job.spec().package_id(), ShortVersion(job.spec().version()),
               ProgressText(job.send()), ProgressText(job.distribute()), ProgressText(job.run()),
               When(job.has_create_time(), job.create_time()), job.spec().comment()});
  }
  std::cout << table.ToString();
  if (!response.next_page_token().empty() && count < kJobsListedMax) {
    std::cout << "(more: -n " << std::min(count * 2, kJobsListedMax) << ")\n";
  }
  return kOk;
}

// A table has room for one; -o json has all of it.
std::string FirstLine(const std::string& output) {
  const std::string line = output.substr(0, output.find('\n'));
  return line.size() + 1 < output.size() ? line + " ..." : line;
}

absl::StatusOr<ExitCode> Targets(Session& session, const std::string& job_id) {
  WAYBILL_ASSIGN_OR_RETURN(const auto stub, Stub(session));
  job::v1::ListJobTargetsRequest request;
  request.set_job_id(job_id);
  WAYBILL_ASSIGN_OR_RETURN(const auto response,
                           ListAll<job::v1::ListJobTargetsResponse>(
                               request, [&](auto* context, const auto& page, auto* answer) {
                                 return stub->ListJobTargets(context, page, answer);
                               }));
  if (session.json()) {
    Session::PrintJson(response);
    return kOk;
  }
  Table table(
      {"WORKSTATION", "SITE", "DOMAIN", "HOST", "STATE", "EXIT>", "RAN", "CHANGED", "OUTPUT"});
  for (const job::v1::JobTarget& target : response.targets()) {
    const bool ran = target.has_run_duration();
    const absl::Duration length = absl::Seconds(target.run_duration().seconds()) +
                                  absl::Nanoseconds(target.run_duration().nanos());
    table.Add({target.sms_id(), target.site_code(), target.domain(), target.host_name(),
               model::ToString(target.state()), ran ? absl::StrCat(target.exit_code()) : "-",
               ran ? Length(length) : "-", When(target.has_change_time(), target.change_time()),
               target.output().empty() ? target.reason() : FirstLine(target.output())});
  }
  std::cout << table.ToString();
  return kOk;
}

}  // namespace

absl::StatusOr<ExitCode> WatchJob(Session& session, const std::string& job_id) {
  WAYBILL_ASSIGN_OR_RETURN(const auto stub, Stub(session));
  job::v1::WatchJobRequest request;
  request.set_job_id(job_id);
  grpc::ClientContext context;  // A watch has no deadline: it ends with the job.
  const auto stream = stub->WatchJob(&context, request);
  const absl::Time start = absl::Now();
  job::v1::WatchJobResponse response;
  std::int64_t bytes_before = -1;
  {
    Progress progress(session.is_terminal());
    while (stream->Read(&response)) {
      bytes_before = bytes_before < 0 ? BytesSent(response.job()) : bytes_before;
      progress.Show(JobLine(response.job(), absl::Now() - start, bytes_before));
    }
  }
  WAYBILL_RETURN_IF_ERROR(rpc::FromGrpcStatus(stream->Finish()));
  PrintJob(session, response.job());
  return CodeOf(response.job());
}

void AddJobCommands(CLI::App& app, Session& session) {
  CLI::App* job = AddNoun(app, "job", "orders: submit, follow, cancel");
  AddJobSubmitCommand(*job, session);
  const auto add_by_id = [&](const std::string& name, const std::string& description,
                             absl::StatusOr<ExitCode> (*work)(Session&, const std::string&)) {
    CLI::App* verb = AddVerb(*job, name, description, "waybill job " + name + " CEN00042");
    const auto job_id = std::make_shared<std::string>();
    verb->add_option("JOB", *job_id, "job id, such as CEN00042")->required();
    verb->callback([&session, job_id, work] {
      session.SetWork([&session, job_id, work] { return work(session, *job_id); });
    });
  };
  add_by_id("get", "the Job Details: send, distribute and run, with sites and servers", Get);
  add_by_id("watch", "follow a job until it ends (exit code 3: it failed, 4: it was cancelled)",
            WatchJob);
  add_by_id("cancel", "no further chunk, file or start anywhere reachable", Cancel);
  add_by_id("targets", "each workstation, its state and what the command printed", Targets);

  CLI::App* list = AddVerb(*job, "list", "jobs, newest first", "waybill job list -n 20");
  const auto count = std::make_shared<int>(50);
  list->add_option("-n,--count", *count, "how many at most")
      ->check(CLI::Range(1, kJobsListedMax))
      ->capture_default_str();
  list->callback(
      [&session, count] { session.SetWork([&session, count] { return List(session, *count); }); });
}

}  // namespace waybill::cli
