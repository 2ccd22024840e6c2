#include "dec/core/error.hpp"

namespace dec::core {

namespace {

std::string joined(std::vector<Finding> const& findings) {
    std::string text;
    for (auto const& finding : findings) {
        if (!text.empty()) text += '\n';
        text += one_line(finding);
    }
    return text;
}

}  // namespace

Error::Error(ExitCode code, std::vector<Finding> findings)
    : std::runtime_error{joined(findings)}, code_{code}, findings_{std::move(findings)} {}

std::string one_line(Finding const& finding) {
    std::string text = finding.file;
    for (std::string const* part : {&finding.element, &finding.problem}) {
        if (part->empty()) continue;
        if (!text.empty()) text += ": ";
        text += *part;
    }
    if (!finding.remedy.empty()) text += "; " + finding.remedy;
    return text;
}

}  // namespace dec::core
