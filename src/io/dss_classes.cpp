#include "dss_classes.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "dss_text.hpp"

namespace dec::io::dss {

namespace {

/// Words in the order of OpenDSS; "-" before one: known, and without influence here.
struct Description {
    std::string_view name;
    std::string_view properties;
    std::string_view ending = {};
};

/// What all delivery elements, conversion elements and controls end with.
constexpr std::string_view delivery = "normamps emergamps -faultrate -pctperm -repair -basefreq enabled like";
constexpr std::string_view conversion = "-spectrum -basefreq enabled like";
constexpr std::string_view control = "-basefreq enabled like";

constexpr std::array<Description, class_count> descriptions{{
    {"vsource",
     "bus1 basekv pu angle frequency phases mvasc3 mvasc1 x1r1 x0r0 isc3 isc1 r1 x1 r0 x0 -scantype sequence bus2 z1 "
     "z0 "
     "z2 puz1 puz0 puz2 basemva -yearly -daily -duty model -puzideal",
     conversion},
    {"line",
     "bus1 bus2 linecode length phases r1 x1 r0 x0 c1 c0 rmatrix xmatrix cmatrix switch -rg -xg rho geometry units "
     "spacing wires earthmodel cncables tscables b1 b0 -seasons -ratings -linetype",
     delivery},
    {"linecode",
     "nphases r1 x1 r0 x0 c1 c0 units rmatrix xmatrix cmatrix -basefreq normamps emergamps -faultrate -pctperm -repair "
     "kron -rg -xg -rho neutral b1 b0 -seasons -ratings -linetype like"},
    {"linegeometry",
     "nconds nphases cond wire x h units normamps emergamps reduce spacing wires cncable tscable cncables tscables "
     "-seasons -ratings -linetype like"},
    {"linespacing", "nconds nphases x h units like"},
    {"wiredata",
     "rdc rac runits gmrac gmrunits radius radunits normamps emergamps diam -seasons -ratings capradius like"},
    {"cndata",
     "k diastrand gmrstrand rstrand epsr inslayer diains diacable rdc rac runits gmrac gmrunits radius radunits "
     "normamps "
     "emergamps diam -seasons -ratings capradius like"},
    {"tsdata",
     "diashield tapelayer tapelap epsr inslayer diains diacable rdc rac runits gmrac gmrunits radius radunits normamps "
     "emergamps diam -seasons -ratings capradius like"},
    {"transformer",
     "phases windings wdg bus conn kv kva tap %r rneut xneut buses conns kvs kvas taps xhl xht xlt xscarray -thermal "
     "-n "
     "-m -flrise -hsrise %loadloss %noloadloss normhkva emerghkva -sub maxtap mintap numtaps -subname %imag "
     "-ppm_antifloat %rs bank xfmrcode -xrconst x12 x13 x23 leadlag -wdgcurrents -core -rdcohms -seasons "
     "-ratings",
     delivery},
    {"xfmrcode",
     "phases windings wdg conn kv kva tap %r rneut xneut conns kvs kvas taps xhl xht xlt xscarray -thermal -n -m "
     "-flrise "
     "-hsrise %loadloss %noloadloss normhkva emerghkva maxtap mintap numtaps %imag -ppm_antifloat %rs x12 x13 x23 "
     "-rdcohms -seasons -ratings like"},
    {"autotrans",
     "phases windings wdg bus conn kv kva tap %r -rdcohms -core buses conns kvs kvas taps xhx xht xxt xscarray "
     "-thermal "
     "-n -m -flrise -hsrise %loadloss %noloadloss normhkva emerghkva -sub maxtap mintap numtaps -subname %imag "
     "-ppm_antifloat %rs bank -xrconst leadlag -wdgcurrents",
     delivery},
    {"regcontrol",
     "transformer winding vreg band ptratio ctprim r x bus delay reversible revvreg revband revr revx tapdelay "
     "-debugtrace "
     "maxtapchange inversetime tapwinding vlimit ptphase revthreshold revdelay revneutral -eventlog "
     "remoteptratio "
     "tapnum -reset ldc_z rev_z cogen",
     control},
    {"capacitor", "bus1 bus2 phases kvar kv conn cmatrix cuf r xl -harm numsteps states", delivery},
    {"capcontrol",
     "element terminal capacitor type ptratio ctratio onsetting offsetting delay voltoverride vmax vmin delayoff "
     "-deadtime "
     "ctphase ptphase vbus -eventlog -usermodel -userdata pctminkvar -reset",
     control},
    {"reactor", "bus1 bus2 phases kvar kv conn rmatrix xmatrix parallel r x rp z1 z2 z0 z -rcurve -lcurve lmh",
     delivery},
    {"load",
     "phases bus1 kv kw pf model -yearly -daily -duty -growth conn kvar rneut xneut status -class vminpu vmaxpu "
     "-vminnorm -vminemerg xfkva allocationfactor kva -%mean -%stddev cvrwatts cvrvars kwh kwhdays cfactor -cvrcurve "
     "numcust zipv -%seriesrl -relweight vlowpu -puxharm -xrharm",
     conversion},
    {"generator",
     "phases bus1 kv kw pf kvar model -vminpu -vmaxpu -yearly -daily -duty -dispmode -dispvalue conn -status -class "
     "-vpu "
     "maxkvar minkvar -pvfactor -forceon kva mva -xd -xdp -xdpp -h -d -usermodel -userdata -shaftmodel -shaftdata "
     "-dutystart -debugtrace -balanced -xrdp -usefuel -fuelkwh -%fuel -%reserve -refuel -dynamiceq -dynout",
     conversion},
    {"pvsystem",
     "phases bus1 kv irradiance pmpp %pmpp temperature pf conn kvar kva %cutin %cutout effcurve p-tcurve -%r -%x "
     "-model "
     "-vminpu -vmaxpu -balanced -limitcurrent -yearly -daily -duty -tyearly -tdaily -tduty -class -usermodel -userdata "
     "-debugtrace -varfollowinverter -dutystart wattpriority pfpriority -%pminnovars -%pminkvarmax kvarmax kvarmaxabs "
     "-kvdc -kp -pitol -safevoltage -safemode -dynamiceq -dynout -controlmode -amplimit -amplimitgain",
     conversion},
    {"storage",
     "phases bus1 kv conn kw kvar pf kva %cutin %cutout effcurve -varfollowinverter kvarmax kvarmaxabs wattpriority "
     "pfpriority -%pminnovars -%pminkvarmax kwrated %kwrated kwhrated kwhstored %stored %reserve state %discharge "
     "%charge "
     "-%effcharge -%effdischarge %idlingkw -%idlingkvar -%r -%x -model -vminpu -vmaxpu -balanced -limitcurrent -yearly "
     "-daily -duty -dispmode -dischargetrigger -chargetrigger -timechargetrig -class -dynadll -dynadata -usermodel "
     "-userdata -debugtrace -kvdc -kp -pitol -safevoltage -safemode -dynamiceq -dynout -controlmode -amplimit "
     "-amplimitgain",
     conversion},
    {"invcontrol", ""},
    {"xycurve", "npts points yarray xarray csvfile -sngfile -dblfile -x -y xshift yshift xscale yscale like"},
    {"loadshape", ""},
    {"fuse", "monitoredobj -monitoredterm switchedobj -switchedterm -fusecurve ratedcurrent -delay action normal state",
     control},
    {"relay",
     "monitoredobj -monitoredterm switchedobj -switchedterm -type -phasecurve -groundcurve -phasetrip -groundtrip "
     "-tdphase "
     "-tdground -phaseinst -groundinst -reset -shots -recloseintervals -delay -overvoltcurve -undervoltcurve -kvbase "
     "-47%pickup -46baseamps -46%pickup -46isqt -variable -overtrip -undertrip -breakertime action -z1mag -z1ang "
     "-z0mag "
     "-z0ang -mphase -mground -eventlog -debugtrace -distreverse normal state -doc_tiltanglelow -doc_tiltanglehigh "
     "-doc_tripsettinglow -doc_tripsettinghigh -doc_tripsettingmag -doc_delayinner -doc_phasecurveinner "
     "-doc_phasetripinner -doc_tdphaseinner -doc_p1blocking",
     control},
    {"recloser",
     "monitoredobj -monitoredterm switchedobj -switchedterm -numfast -phasefast -phasedelayed -groundfast "
     "-grounddelayed "
     "-phasetrip -groundtrip -phaseinst -groundinst -reset -shots -recloseintervals -delay action -tdphfast -tdgrfast "
     "-tdphdelayed -tdgrdelayed normal state",
     control},
    {"swtcontrol", "switchedobj -switchedterm action -lock -delay normal state -reset", control},
    {"", ""},
}};

constexpr std::array<std::string_view, 31> classes_without_meaning{
    "energymeter",       "monitor",       "sensor",      "growthshape",   "tshape",
    "priceshape",        "tcc_curve",     "spectrum",    "conductordata", "dynamicexp",
    "storagecontroller", "gendispatcher", "expcontrol",  "upfccontrol",   "espvlcontrol",
    "fmonitor",          "generic5",      "fault",       "gicline",       "gicsource",
    "gictransformer",    "isource",       "upfc",        "vsconverter",   "vccs",
    "indmach012",        "windgen",       "wiredataset", "solution",      "feeder",
    "loadshapeset"};

void split(std::string_view words, std::vector<Property>& list) {
    while (!words.empty()) {
        auto word = words.substr(0, words.find(' '));
        words.remove_prefix(std::min(word.size() + 1, words.size()));
        bool const has_meaning = !word.starts_with('-');
        if (!has_meaning) word.remove_prefix(1);
        list.push_back({word, has_meaning});
    }
}

}  // namespace

std::optional<Class> class_of(std::string_view name) {
    for (std::size_t i = 0; i + 1 < class_count; ++i)
        if (equal(descriptions[i].name, name)) return static_cast<Class>(i);
    if (std::ranges::any_of(classes_without_meaning, [&](auto known) { return equal(known, name); }))
        return Class::without_meaning;
    return std::nullopt;
}

std::string_view name_of(Class kind) { return descriptions[static_cast<std::size_t>(kind)].name; }

std::vector<Property> const& properties(Class kind) {
    static std::vector<std::vector<Property>> const all = [] {
        std::vector<std::vector<Property>> lists;
        for (auto const& description : descriptions) {
            split(description.properties, lists.emplace_back());
            split(description.ending, lists.back());
        }
        return lists;
    }();
    return all[static_cast<std::size_t>(kind)];
}

std::optional<std::size_t> property_place(Class kind, std::string_view name) {
    auto const& list = properties(kind);
    std::optional<std::size_t> beginning;
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (!starts_with(list[i].name, name)) continue;
        if (list[i].name.size() == name.size()) return i;
        if (!beginning) beginning = i;
    }
    return beginning;
}

}  // namespace dec::io::dss
