//! What the synthetic patients that the shipped packages were trained on are known to get wrong, in plain words.
//!
//! Each was seen in the data or in what a model made of it. A hospital that trains on its own records has other faults.

/// What a reader of a risk or of its reasons should know.
pub const ARTEFACTS: [&str; 10] = [
    "Co-morbidity is simplified: most diseases come from modules that do not know of each other. High blood pressure, \
     high LDL, heart attacks, injuries and infections are near to chance at a given age and sex.",
    "Chronic, back and neck pain and fibromyalgia begin around one calendar year for most patients, and COVID-19 codes \
     stand in two years only: such codes tell the year, not the patient.",
    "Vaccine codes and screening forms came into use in certain years and count visits since birth.",
    "\"Diabetic kidney disease\" is coded with the first stage of any kidney disease, mostly without diabetes.",
    "Urine dipstick results are set by the stage of kidney disease; anxiety is found because check-ups ask for it.",
    "Laboratory values move in steps around a diagnosis rather than drifting towards it; HbA1c is hardly ever measured \
     before prediabetes and then often improbably low; two creatinine codes differ by 0.8 mg/dL on one day.",
    "\"Inpatient\" includes skilled nursing, chemotherapy visits and addiction treatment; one emergency visit in five is \
     a birth.",
    "\"Medication review due\" and social findings make up most rows of the problem list.",
    "Death follows home hospice by about a month; certification and notification procedures come with hospice.",
    "A record is the whole life, so that its length says nothing but age; real records begin and break off.",
];
