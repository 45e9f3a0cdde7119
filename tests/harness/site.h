#ifndef WAYBILL_TESTS_HARNESS_SITE_H_
#define WAYBILL_TESTS_HARNESS_SITE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/channel.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/config/tls_files.h"
#include "common/jobdb/test_database.h"
#include "common/rpc/tls.h"
#include "tests/harness/agent.h"
#include "tests/harness/link.h"
#include "tests/harness/order.h"
#include "tests/harness/service.h"

#include "waybill/job/v1/job_service.grpc.pb.h"
#include "waybill/package/v1/package_service.grpc.pb.h"
#include "waybill/sender/v1/sender_service.grpc.pb.h"
#include "waybill/site/v1/site_service.grpc.pb.h"

namespace waybill::harness {

/// What a site's services are told beside what every site gets.
struct ServiceFlags {
  std::vector<std::string> scheduler = {};
  std::vector<std::string> sender = {};
  std::vector<std::string> despooler = {};
  std::vector<std::string> pcm_manager = {};
};

/// One site: a job database, directories, the four services as processes, and an administrator who
/// talks to them. Verbs throw VerbFailed (see require.h); what begins with Try returns the answer.
/// For one thread.
class Site {
 public:
  struct Options {
    std::string code;
    std::string parent_code;        ///< Empty: the central site.
    Link* parent_status = nullptr;  ///< Leads to the parent's listener for sites.
    std::string root_directory;     ///< Of the hierarchy; the site's own is beneath.
    ServiceFlags flags;
  };

  explicit Site(Options options);
  ~Site();
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  const std::string& code() const { return options_.code; }

  // Its services.
  // ----------------------------------------------------------------------------------

  Service& scheduler() { return *services_.at("scheduler"); }
  Service& sender() { return *services_.at("sender"); }
  Service& despooler() { return *services_.at("despooler"); }
  Service& pcm_manager() { return *services_.at("pcm-manager"); }
  Service& service(const std::string& name) { return *services_.at(name); }

  /// All but the Scheduler start without waiting; AwaitServing waits for all.
  void StartScheduler() { scheduler().Start(); }
  void LaunchOthers();
  void AwaitServing();

  /// `link` follows the Despooler from one port to the next: a sender reaches it there.
  void LeadToDespooler(Link& link) { despooler_links_.push_back(&link); }
  /// Likewise to the Scheduler's listener for sites.
  void LeadToScheduler(Link& link) { scheduler_links_.push_back(&link); }
  /// The one by which workstations reach the PCM-Manager.
  Link& pcm_link() { return pcm_link_; }

  // Registrations.
  // ---------------------------------------------------------------------------------

  void PutChild(absl::string_view site_code);
  void PutAddress(absl::string_view site_code, const std::string& endpoint);
  /// One share for each drive letter, in directories of its own; with URLs, by drive, of web
  /// servers that show them.
  void AddDistributionServer(const std::string& name,
                             const std::vector<std::string>& drives = {"c"},
                             const std::map<std::string, std::string>& urls = {});
  void AddLogonServer(const std::string& name);
  /// Named PC1, PC2 and so on in each domain, with certificates. Returns their SMS IDs.
  std::vector<std::string> AddWorkstations(int count, const std::string& domain);

  // Packages and jobs.
  // -----------------------------------------------------------------------------

  /// Makes the package, unless this site has it, with the command "record" (see MakeSource), which
  /// appends to starts_path(), and "gated", which then waits for gate_path(); and takes a version
  /// of its source directory.
  package::v1::ImportVersionResponse Import(const std::string& package_name);

  /// Where the source of a package is taken from. Make it first.
  std::string SourceOf(const std::string& package_name) const;
  std::string starts_path() const { return options_.root_directory + "/starts.txt"; }
  std::string gate_path() const { return options_.root_directory + "/gate"; }
  std::string PackageId(const std::string& package_name) const;

  std::string Submit(const Order& order);  ///< Returns the job id.
  absl::StatusOr<job::v1::Job> TrySubmit(const Order& order, const std::string& request_id);
  void Cancel(const std::string& job_id);
  job::v1::Job GetJob(const std::string& job_id);
  std::vector<job::v1::JobTarget> ListTargets(const std::string& job_id);
  std::vector<package::v1::Location> ListLocations(const std::string& package_name);
  std::vector<sender::v1::SendRequest> ListSendRequests();

  // Workstations.
  // ----------------------------------------------------------------------------------

  /// What waybill-pcm is told to be that workstation; see agent.h.
  Agent MakeAgent(const std::string& sms_id);
  /// One poll with all that follows from it.
  void RunAgentOnce(const std::string& sms_id);
  /// An agent of the site that stays until StopAgents.
  Agent& StartAgent(const std::string& sms_id);
  void StopAgents() { agents_.clear(); }

  // Looking from outside.
  // --------------------------------------------------------------------------

  std::string directory() const { return options_.root_directory + "/" + code(); }
  std::string store_directory() const { return directory() + "/store"; }
  std::string packs_directory() const { return store_directory() + "/packs"; }
  /// Holds SMS_PKGx.
  std::string ShareDirectory(const std::string& server, const std::string& drive = "c") const;
  /// The same, made if it is not there, for a test that registers the server by other means.
  std::string MakeShareDirectory(const std::string& server, const std::string& drive = "c") const;
  /// The tree of the newest version on a server.
  std::string CurrentTree(const std::string& server, const std::string& package_name,
                          const std::string& drive = "c");
  jobdb::TestDatabase& database() { return database_; }
  /// How many rows each table has, for "nothing changed".
  std::map<std::string, std::int64_t> RowCounts() const;
  /// The last lines of all services and agents, for people.
  std::string LogTails(int lines) const;

  // The administrator's stubs, to where the services listen now.
  // ------------------------------------

  std::unique_ptr<job::v1::JobService::Stub> jobs();
  std::unique_ptr<package::v1::PackageService::Stub> packages();
  std::unique_ptr<site::v1::SiteService::Stub> sites();
  std::unique_ptr<sender::v1::SenderService::Stub> sends();
  /// Likewise as somebody else, to any listener.
  std::shared_ptr<grpc::Channel> ChannelTo(const std::string& service, const std::string& listener,
                                           const config::TlsFiles& as_whom);

  /// Makes the names of another site's packages known here (jobs name packages).
  void KnowPackage(const std::string& name, const std::string& id) { package_ids_[name] = id; }

 private:
  void MakeService(const std::string& name, std::vector<std::string> arguments);
  void MakeServices();
  std::vector<std::string> SharedArguments(const std::string& name) const;
  void FollowPorts(const Service& service);
  std::shared_ptr<grpc::Channel> AdminChannel(const std::string& service);
  void CreatePackage(const std::string& package_name);

  const Options options_;
  jobdb::TestDatabase database_;
  std::unique_ptr<rpc::TlsIdentity> admin_tls_;
  std::map<std::string, std::pair<int, std::shared_ptr<grpc::Channel>>> channels_;
  Link pcm_link_;
  std::vector<Link*> despooler_links_;
  std::vector<Link*> scheduler_links_;
  std::map<std::string, std::unique_ptr<Service>> services_;
  std::map<std::string, std::unique_ptr<Agent>> agents_;
  std::map<std::string, std::string> package_ids_;
  std::map<std::string, int> workstation_counts_;  // By domain.
  int request_count_ = 0;
};

}  // namespace waybill::harness

#endif  // WAYBILL_TESTS_HARNESS_SITE_H_
