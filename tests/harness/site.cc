#include "tests/harness/site.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/channel.h>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "common/config/tls_files.h"
#include "common/rpc/channel.h"
#include "common/rpc/identity.h"
#include "common/rpc/tls.h"
#include "tests/harness/agent.h"
#include "tests/harness/certificates.h"
#include "tests/harness/link.h"
#include "tests/harness/require.h"
#include "tests/harness/service.h"

namespace waybill::harness {
namespace {

namespace fs = std::filesystem;

constexpr char kAnyPort[] = "127.0.0.1:0";

void Append(std::vector<std::string>& all, const std::vector<std::string>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

}  // namespace

Site::Site(Options options) : options_(std::move(options)) {
  fs::create_directories(directory() + "/run");
  fs::create_directories(directory() + "/drive_c");
  fs::create_directories(directory() + "/site");
  admin_tls_ = Require(rpc::TlsIdentity::Load(Certificates::OfThisProgram().OfAdmin()),
                       "the administrator's certificate");
  MakeServices();
}

Site::~Site() = default;

// Services. ---------------------------------------------------------------------------------------

// Intervals and leases are short, so that what waits for them waits little.
void Site::MakeServices() {
  const ServiceFlags& flags = options_.flags;
  std::vector<std::string> scheduler = {"--admin-address",
                                        kAnyPort,
                                        "--sites-address",
                                        kAnyPort,
                                        "--store-directory",
                                        store_directory(),
                                        "--source-directory",
                                        options_.root_directory + "/sources",
                                        "--poll-interval",
                                        "200ms",
                                        "--lease",
                                        "3s"};
  if (!options_.parent_code.empty()) {
    Append(scheduler, {"--parent-site", options_.parent_code, "--parent-endpoint",
                       options_.parent_status->endpoint()});
  }
  Append(scheduler, flags.scheduler);
  std::vector<std::string> sender = {
      "--admin-address", kAnyPort, "--store-directory", store_directory(),
      "--poll-interval", "200ms",  "--lease",           "3s",
      "--retry-base",    "100ms",  "--retry-max",       "1s",
      "--space-retry",   "200ms"};
  Append(sender, flags.sender);
  std::vector<std::string> despooler = {
      "--sites-address",   kAnyPort,
      "--store-directory", store_directory(),
      "--site-directory",  directory() + "/site",
      "--drive",           absl::StrCat("c=", directory(), "/drive_c"),
      "--poll-interval",   "200ms",
      "--lease",           "3s",
      "--retry-base",      "100ms",
      "--retry-max",       "1s",
      "--drive-reserve",   "1MiB"};
  Append(despooler, flags.despooler);
  std::vector<std::string> pcm_manager = {
      "--workstations-address", kAnyPort, "--site-directory",    directory() + "/site",
      "--poll-interval",        "200ms",  "--pcm-poll-interval", "200ms"};
  Append(pcm_manager, flags.pcm_manager);
  MakeService("scheduler", std::move(scheduler));
  MakeService("sender", std::move(sender));
  MakeService("despooler", std::move(despooler));
  MakeService("pcm-manager", std::move(pcm_manager));
}

std::vector<std::string> Site::SharedArguments(const std::string& name) const {
  const config::TlsFiles tls = Certificates::OfThisProgram().OfService(code(), name);
  return {"--site-code",
          code(),
          "--job-database-uri",
          database_.uri(),
          "--tls-ca-file",
          tls.ca_file,
          "--tls-certificate-file",
          tls.certificate_file,
          "--tls-key-file",
          tls.key_file,
          "--ports-file",
          absl::StrCat(directory(), "/run/", name, ".ports"),
          "--drain-max",
          "2s"};
}

void Site::MakeService(const std::string& name, std::vector<std::string> arguments) {
  Append(arguments, SharedArguments(name));
  services_[name] = std::make_unique<Service>(
      absl::StrCat(code(), " ", name),
      Process::Options{.program = ProgramPath(absl::StrCat("waybill-", name)),
                       .arguments = std::move(arguments),
                       .log_path = absl::StrCat(directory(), "/run/", name, ".log")},
      absl::StrCat(directory(), "/run/", name, ".ports"),
      [this](const Service& service) { FollowPorts(service); });
}

void Site::FollowPorts(const Service& service) {
  if (&service == &despooler()) {
    for (Link* link : despooler_links_) link->SetTarget(service.port("sites"));
  } else if (&service == &scheduler()) {
    for (Link* link : scheduler_links_) link->SetTarget(service.port("sites"));
  } else if (&service == &pcm_manager()) {
    pcm_link_.SetTarget(service.port("workstations"));
  }
}

void Site::LaunchOthers() {
  sender().Launch();
  despooler().Launch();
  pcm_manager().Launch();
}

void Site::AwaitServing() {
  sender().AwaitServing();
  despooler().AwaitServing();
  pcm_manager().AwaitServing();
}

// Stubs. ------------------------------------------------------------------------------------------

std::shared_ptr<grpc::Channel> Site::AdminChannel(const std::string& name) {
  const int port = service(name).port("admin");
  auto& [known_port, channel] = channels_[name];
  if (known_port != port) {
    known_port = port;
    channel = rpc::MakeChannel({.target = absl::StrCat("127.0.0.1:", port),
                                .server = {rpc::Role::kService, code(), name},
                                .message_bytes_max = 64 << 20},
                               *admin_tls_);
  }
  return channel;
}

std::shared_ptr<grpc::Channel> Site::ChannelTo(const std::string& name, const std::string& listener,
                                               const config::TlsFiles& as_whom) {
  const auto tls = Require(rpc::TlsIdentity::Load(as_whom), "a certificate");
  return rpc::MakeChannel({.target = absl::StrCat("127.0.0.1:", service(name).port(listener)),
                           .server = {rpc::Role::kService, code(), name}},
                          *tls);
}

std::unique_ptr<job::v1::JobService::Stub> Site::jobs() {
  return job::v1::JobService::NewStub(AdminChannel("scheduler"));
}

std::unique_ptr<package::v1::PackageService::Stub> Site::packages() {
  return package::v1::PackageService::NewStub(AdminChannel("scheduler"));
}

std::unique_ptr<site::v1::SiteService::Stub> Site::sites() {
  return site::v1::SiteService::NewStub(AdminChannel("scheduler"));
}

std::unique_ptr<sender::v1::SenderService::Stub> Site::sends() {
  return sender::v1::SenderService::NewStub(AdminChannel("sender"));
}

// Workstations. -----------------------------------------------------------------------------------

Agent Site::MakeAgent(const std::string& sms_id) {
  return Agent({.sms_id = sms_id,
                .site_code = code(),
                .endpoint = pcm_link_.endpoint(),
                .tls = Certificates::OfThisProgram().OfWorkstation(code(), sms_id),
                .directory = absl::StrCat(directory(), "/workstations/", sms_id)});
}

void Site::RunAgentOnce(const std::string& sms_id) {
  Agent agent = MakeAgent(sms_id);
  agent.StartOnce();
  agent.AwaitOnce();
}

Agent& Site::StartAgent(const std::string& sms_id) {
  auto& agent = agents_[sms_id];
  agent = std::make_unique<Agent>(MakeAgent(sms_id));
  agent->StartService();
  return *agent;
}

// Looking. ----------------------------------------------------------------------------------------

std::string Site::ShareDirectory(const std::string& server, const std::string& drive) const {
  return absl::StrCat(directory(), "/servers/", server, "_", drive);
}

std::string Site::MakeShareDirectory(const std::string& server, const std::string& drive) const {
  fs::create_directories(ShareDirectory(server, drive));
  return ShareDirectory(server, drive);
}

std::string Site::CurrentTree(const std::string& server, const std::string& package_name,
                              const std::string& drive) {
  return absl::StrCat(ShareDirectory(server, drive), "/SMS_PKG", absl::AsciiStrToUpper(drive), "/",
                      PackageId(package_name), "/current");
}

std::map<std::string, std::int64_t> Site::RowCounts() const {
  // One answer for all tables: "name=count" with commas.
  const std::string counts = database_.QueryText(
      "SELECT string_agg(format('%s=%s', table_name, (xpath('/row/c/text()', query_to_xml(format("
      "'SELECT count(*) AS c FROM waybill.%I', table_name), false, true, '')))[1]), ',') "
      "FROM information_schema.tables WHERE table_schema = 'waybill' AND table_type = 'BASE "
      "TABLE'");
  std::map<std::string, std::int64_t> rows;
  for (const absl::string_view entry : absl::StrSplit(counts, ',')) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(entry, '=');
    if (!absl::SimpleAtoi(parts.second, &rows[parts.first])) {
      Fail(absl::StrCat("not a count: ", entry));
    }
  }
  return rows;
}

std::string Site::LogTails(int lines) const {
  std::string text;
  for (const auto& [name, service] : services_) {
    absl::StrAppend(&text, "---- ", code(), " ", name, "\n", service->process().LogTail(lines));
  }
  for (const auto& [sms_id, agent] : agents_) {
    absl::StrAppend(&text, "---- agent ", sms_id, "\n", agent->LogTail(lines));
  }
  return text;
}

}  // namespace waybill::harness
