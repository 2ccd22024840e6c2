#include "dss_vocabulary.hpp"

#include "dss_text.hpp"

namespace dec::io::dss {

namespace {

// Both in the order in which OpenDSS looks for the beginning of a word.
constexpr std::string_view commands =
    "new edit more m ~ select save show solve enable disable plot reset compile set dump open close // "
    "redirect help quit ? next panel sample clear about calcvoltagebases setkvbase buildy get init export "
    "fileedit voltages currents powers seqvoltages seqcurrents seqpowers losses phaselosses cktlosses "
    "allocateloads formedit totals capacity classes userclasses zsc zsc10 zscrefresh ysc puvoltages varvalues "
    "varnames buscoords makebuslist makeposseq reduce interpolate alignfile top rotate vdiff summary "
    "distribute di_plot comparecases yearlycurves cd visualize closedi doscmd estimate reconductor _initsnap "
    "_solvenocontrol _samplecontrols _docontrolactions _showcontrolqueue _solvedirect _solvepflow "
    "addbusmarker uuids setloadandgenkv cvrtloadshapes nodediff rephase setbusxy updatestorage obfuscate "
    "latlongcoords batchedit pstcalc variable reprocessbuses clearbusmarkers relcalc var cleanup "
    "finishtimestep nodelist connect disconnect remove calcincmatrix clearall giscoords comhelp";
constexpr std::string_view options =
    "type element hour sec year frequency stepsize mode random number time class object circuit editor "
    "tolerance maxiterations h loadmodel loadmult normvminpu normvmaxpu emergvminpu emergvmaxpu %mean %stddev "
    "ldcurve %growth genkw genpf capkvar addtype allowduplicates zonelock ueweight lossweight ueregs lossregs "
    "voltagebases algorithm trapezoidal autobuslist controlmode tracecontrol genmult defaultdaily "
    "defaultyearly allocationfactors cktmodel pricesignal pricecurve terminal basefrequency harmonics "
    "maxcontroliter bus datapath keeplist reduceoption demandinterval %normal diverbose casename markercode "
    "nodewidth log recorder overloadreport voltexceptionreport cfactors showexport numallociterations "
    "defaultbasefrequency markswitches switchmarkercode daisysize marktransformers transmarkercode "
    "transmarkersize loadshapeclass earthmodel querylog markcapacitors markregulators markpvsystems "
    "markstorage capmarkercode regmarkercode pvmarkercode storemarkercode capmarkersize regmarkersize "
    "pvmarkersize storemarkersize neglectloady markfuses fusemarkercode fusemarkersize markreclosers "
    "reclosermarkercode reclosermarkersize registryupdate markrelays relaymarkercode relaymarkersize "
    "processtime totaltime steptime sampleenergymeters miniterations dssvisualizationtool keepload zmag "
    "seasonrating seasonsignal longlinecorrection";

/// The first name that is the word, else the first that begins with it; empty if there is none.
std::string_view find_word(std::string_view names, std::string_view word) {
    std::string_view begun;
    while (!names.empty()) {
        auto const name = names.substr(0, names.find(' '));
        names.remove_prefix(name.size() < names.size() ? name.size() + 1 : name.size());
        if (!starts_with(name, word)) continue;
        if (name.size() == word.size()) return name;
        if (begun.empty()) begun = name;
    }
    return begun;
}

/// Written after R. Pike's matcher in Kernighan and Pike, "The Practice of Programming", 1999.
bool matches_here(std::string_view pattern, std::string_view text) {
    if (pattern.empty()) return true;
    if (pattern == "$") return text.empty();
    auto const fits = [&](std::string_view rest) {
        return !rest.empty() &&
               (pattern[0] == '.' || lower_case(pattern.substr(0, 1)) == lower_case(rest.substr(0, 1)));
    };
    char const times = pattern.size() > 1 ? pattern[1] : '\0';
    if (times == '*' || times == '+' || times == '?') {
        std::size_t least = times == '+' ? 1 : 0;
        for (std::size_t count = 0;; ++count) {
            if (count >= least && matches_here(pattern.substr(2), text)) return true;
            if ((times == '?' && count == 1) || !fits(text)) return false;
            text.remove_prefix(1);
        }
    }
    return fits(text) && matches_here(pattern.substr(1), text.substr(1));
}
}  // namespace

bool matches(std::string_view pattern, std::string_view text) {
    if (pattern.starts_with('^')) return matches_here(pattern.substr(1), text);
    for (;; text.remove_prefix(1)) {
        if (matches_here(pattern, text)) return true;
        if (text.empty()) return false;
    }
}

std::string_view known_command(std::string_view word) { return find_word(commands, word); }
std::string_view known_option(std::string_view word) { return find_word(options, word); }

}  // namespace dec::io::dss
