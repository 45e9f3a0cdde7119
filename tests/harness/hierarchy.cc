#include "tests/harness/hierarchy.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "tests/harness/call.h"
#include "tests/harness/certificates.h"
#include "tests/harness/eventually.h"
#include "tests/harness/require.h"
#include "tests/harness/site.h"
#include "tests/harness/tree.h"

namespace waybill::harness {
namespace {

namespace fs = std::filesystem;

// "NYC<CEN" -> {"NYC", "CEN"}; a site without a parent has an empty one.
std::pair<std::string, std::string> Parse(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '<');
  return {parts[0], parts.size() > 1 ? parts[1] : ""};
}

bool IsFinal(job::v1::JobState state) {
  return state == job::v1::JOB_STATE_COMPLETE || state == job::v1::JOB_STATE_FAILED ||
         state == job::v1::JOB_STATE_CANCELLED;
}

// What a site itself registered, and what the central site knows of it.
struct Known {
  std::int64_t workstations = 0;
  std::int64_t servers = 0;

  friend bool operator==(const Known&, const Known&) = default;
};

site::v1::GetHierarchyResponse GetHierarchy(Site& site) {
  return MustCall<site::v1::GetHierarchyResponse>("GetHierarchy", [&](auto* context, auto* answer) {
    return site.sites()->GetHierarchy(context, {}, answer);
  });
}

Known KnownOf(Site& where, const std::string& site_code) {
  const site::v1::GetHierarchyResponse hierarchy = GetHierarchy(where);
  for (const site::v1::SiteNode& node : hierarchy.sites()) {
    if (node.site().site_code() == site_code) {
      return {node.workstation_count(), node.distribution_server_count()};
    }
  }
  return {-1, -1};
}

}  // namespace

void SiteLink::Cut() {
  transfer_.Cut();
  status_.Cut();
}

void SiteLink::Heal() {
  transfer_.Heal();
  status_.Heal();
}

Hierarchy::Hierarchy(Options options) : directory_("/tmp/waybill_h_XXXXXX") {
  if (mkdtemp(directory_.data()) == nullptr) {
    Fail("no directory for a hierarchy");
  }
  std::vector<std::string> codes;
  for (const std::string& text : options.sites) {
    codes.push_back(Parse(text).first);
  }
  Certificates::OfThisProgram().MakeForSites(codes);
  fs::create_directories(directory_ + "/sources");
  for (const std::string& text : options.sites) {
    AddSite(text, options);
  }
  for (const auto& site : sites_) {
    site->AwaitServing();
  }
}

// The parent knows the child before the child first reports, or it would be refused and wait.
void Hierarchy::AddSite(const std::string& text, const Options& options) {
  const auto [code, parent] = Parse(text);
  SiteLink* above = nullptr;
  if (!parent.empty()) {
    above = (links_[{parent, code}] = std::make_unique<SiteLink>()).get();
    site(parent).LeadToScheduler(above->status());
    above->status().SetTarget(site(parent).scheduler().port("sites"));
    site(parent).PutChild(code);
    site(parent).PutAddress(code, above->transfer().endpoint());
  }
  const auto flags =
      options.flags.contains(code) ? options.flags.find(code) : options.flags.find("*");
  sites_.push_back(std::make_unique<Site>(
      Site::Options{.code = code,
                    .parent_code = parent,
                    .parent_status = above == nullptr ? nullptr : &above->status(),
                    .root_directory = directory_,
                    .flags = flags == options.flags.end() ? ServiceFlags{} : flags->second}));
  Site& site = *sites_.back();
  SiteLink& own = *(links_[{code, code}] = std::make_unique<SiteLink>());
  site.LeadToDespooler(own.transfer());
  if (above != nullptr) {
    site.LeadToDespooler(above->transfer());
  }
  site.StartScheduler();
  site.LaunchOthers();
  site.PutAddress(code, own.transfer().endpoint());
}

Hierarchy::~Hierarchy() {
  if (std::uncaught_exceptions() > 0 || testing::Test::HasFailure()) {
    std::cerr << LogTails();
  }
  sites_.clear();  // Before their links.
  if (std::getenv("WAYBILL_KEEP") == nullptr) {
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }
}

Site& Hierarchy::site(const std::string& code) {
  const auto found = std::find_if(sites_.begin(), sites_.end(),
                                  [&](const auto& site) { return site->code() == code; });
  if (found == sites_.end()) {
    Fail(absl::StrCat("there is no site ", code));
  }
  return **found;
}

SiteLink& Hierarchy::link(const std::string& parent, const std::string& child) {
  const auto found = links_.find({parent, child});
  if (found == links_.end()) {
    Fail(absl::StrCat("there is no link from ", parent, " to ", child));
  }
  return *found->second;
}

std::int64_t Hierarchy::TransferBytes() const {
  std::int64_t bytes = 0;
  for (const auto& [sites, link] : links_) {
    bytes += link->transfer().bytes_down();
  }
  return bytes;
}

package::v1::ImportVersionResponse Hierarchy::MakeAndImport(const std::string& package_name,
                                                            const SourceOptions& source) {
  MakeSource(root().SourceOf(package_name), source);
  return Import(package_name);
}

package::v1::ImportVersionResponse Hierarchy::Import(const std::string& package_name) {
  package::v1::ImportVersionResponse response = root().Import(package_name);
  for (const auto& site : sites_) {
    site->KnowPackage(package_name, root().PackageId(package_name));
  }
  return response;
}

testing::AssertionResult Hierarchy::Ends(const std::string& job_id, job::v1::JobState state,
                                         absl::Duration limit) {
  job::v1::Job job;
  const testing::AssertionResult ended = Eventually(limit, [&] {
    job = root().GetJob(job_id);
    return IsFinal(job.state()) ? testing::AssertionSuccess() : testing::AssertionFailure();
  });
  if (ended && job.state() == state) {
    return ended;
  }
  testing::AssertionResult result = testing::AssertionFailure();
  result << job_id << " is " << job::v1::JobState_Name(job.state()) << " after "
         << absl::FormatDuration(limit) << " at most: " << job.Utf8DebugString();
  for (const job::v1::JobTarget& target : root().ListTargets(job_id)) {
    result << target.ShortDebugString() << "\n";
  }
  return result;
}

void Hierarchy::AwaitRegistrations() {
  for (const auto& site : sites_) {
    const Known own = KnownOf(*site, site->code());
    Await(absl::StrCat("what ", site->code(), " registered is known at ", root().code()), kPatience,
          [&] {
            const Known above = KnownOf(root(), site->code());
            return above == own ? testing::AssertionSuccess()
                                : testing::AssertionFailure()
                                      << above.workstations << " of " << own.workstations
                                      << " workstations, " << above.servers << " of " << own.servers
                                      << " servers";
          });
  }
}

std::vector<std::string> Hierarchy::Starts() const {
  std::ifstream file(sites_.front()->starts_path());
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(line);
  }
  return lines;
}

std::vector<std::string> Hierarchy::StartedOnes() const {
  std::vector<std::string> ones;
  for (const std::string& line : Starts()) {
    ones.push_back(line.substr(0, line.rfind(' ')));  // Without the process id.
  }
  std::sort(ones.begin(), ones.end());
  return ones;
}

void Hierarchy::OpenGate() const {
  std::ofstream(sites_.front()->gate_path()) << "open\n";
}

std::string Hierarchy::LogTails(int lines) const {
  std::string text;
  for (const auto& site : sites_) {
    absl::StrAppend(&text, site->LogTails(lines));
  }
  return text;
}

void Hierarchy::PrintLogsIfFailed() const {
  if (testing::Test::HasFailure()) {
    std::cerr << LogTails();
  }
}

}  // namespace waybill::harness
